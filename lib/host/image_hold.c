/* Apart from image.c: a supervisor needs this of images, and nothing else. */
#include <fcntl.h>
#include "host/image.h"
#include "host/lock.h"
#include "host/path.h"

static char *lock_of(const char *rootfs)
{
    const char *slash = strrchr(rootfs, '/');
    return str_print("%.*s/lock", (int)(slash ? slash - rootfs : 0), rootfs);
}

static int open_hold(const char *rootfs, int flags)
{
    own(str_fini) char *path = lock_of(rootfs);
    own(fd_fini) int fd = open(path, O_RDWR | O_CLOEXEC | flags, 0600);
    if (fd < 0 || lock_share(fd) != 1)
        return -1;
    int held = fd;
    fd = -1;
    return held;
}

int image_hold(const char *rootfs)
{
    return open_hold(rootfs, 0);
}

int image_hold_new(const char *rootfs)
{
    return open_hold(rootfs, O_CREAT);
}
