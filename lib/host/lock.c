#include <fcntl.h>
#include "host/lock.h"
#include "host/path.h"

static int lock(int fd, short type, int64_t at, int64_t length)
{
    struct flock part = {.l_type = type, .l_whence = SEEK_SET, .l_start = at, .l_len = length};
    while (fcntl(fd, F_OFD_SETLK, &part) < 0) {
        if (errno == EAGAIN || errno == EACCES)
            return 0;
        if (errno != EINTR)
            return -1;
    }
    return 1;
}

int lock_try(int fd)
{
    return lock(fd, F_WRLCK, 0, 0);
}

int lock_share(int fd)
{
    return lock(fd, F_RDLCK, 0, 0);
}

int lock_byte(int fd, int64_t at)
{
    return lock(fd, F_WRLCK, at, 1);
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
