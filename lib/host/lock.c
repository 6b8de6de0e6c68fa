#include <fcntl.h>
#include "host/lock.h"
#include "host/path.h"

static int lock(int fd, short type)
{
    struct flock whole = {.l_type = type, .l_whence = SEEK_SET};
    while (fcntl(fd, F_OFD_SETLK, &whole) < 0) {
        if (errno == EAGAIN || errno == EACCES)
            return 0;
        if (errno != EINTR)
            return -1;
    }
    return 1;
}

int lock_try(int fd)
{
    return lock(fd, F_WRLCK);
}

int lock_share(int fd)
{
    return lock(fd, F_RDLCK);
}

enum lock_state lock_ask(const char *path)
{
    own(fd_fini) int fd = open(path, O_RDWR | O_CLOEXEC);
    struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    if (fd < 0)
        return errno == ENOENT || errno == ENOTDIR ? LOCK_FREE : LOCK_UNKNOWN;
    if (fcntl(fd, F_OFD_GETLK, &whole) < 0)
        return LOCK_UNKNOWN;
    return whole.l_type == F_UNLCK ? LOCK_FREE : LOCK_HELD;
}
