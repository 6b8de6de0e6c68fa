#include "job/presence.h"
#include <fcntl.h>
#include <sys/stat.h>
#include "host/lock.h"

#define LATELY_MS (5 * 60 * 1000) /* cron starts one a minute */

static char *path_of(const struct store *store)
{
    return str_print("%s/worker.lock", store->dir);
}

int presence_hold(const struct store *store)
{
    own(str_fini) char *path = path_of(store);
    const int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0)
        return -1;
    lock_share(fd);
    futimens(fd, NULL);
    return fd;
}

void presence_end(int *fd)
{
    if (*fd < 0)
        return;
    futimens(*fd, NULL);
    close(*fd);
    *fd = -1;
}

bool presence_ask(const struct store *store, int64_t now, int64_t *seen)
{
    own(str_fini) char *path = path_of(store);
    struct stat st = {0};
    *seen = 0;
    if (stat(path, &st) < 0)
        return false;
    *seen = (int64_t)st.st_mtim.tv_sec * 1000 + st.st_mtim.tv_nsec / 1000000;
    return lock_ask(path) == LOCK_HELD || (*seen <= now && now - *seen < LATELY_MS);
}
