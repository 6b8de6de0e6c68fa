#include <dirent.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/syscall.h>
#include "host/path.h"

int path_mkdirs(const char *path, mode_t mode, struct err *err)
{
    own(str_fini) char *p = str_new(path);
    for (char *slash = p + 1;; slash++) {
        slash += strcspn(slash, "/");
        char c = *slash;
        *slash = '\0';
        if (mkdir(p, mode) < 0 && errno != EEXIST) {
            struct stat st; /* a read-only or foreign parent that is there does not matter */
            int errnum = errno;
            if (stat(p, &st) < 0 || !S_ISDIR(st.st_mode)) {
                errno = errnum;
                return err_sys(err, "cannot make directory %s", p);
            }
        }
        if (c == '\0')
            break;
        *slash = c;
    }
    struct stat st;
    if (stat(path, &st) < 0)
        return err_sys(err, "cannot make directory %s", path);
    if (!S_ISDIR(st.st_mode)) {
        errno = ENOTDIR;
        return err_sys(err, "cannot make directory %s", path);
    }
    return 0;
}

static char *parent_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    if (!slash)
        return str_new(".");
    return slash == path ? str_new("/") : str_print("%.*s", (int)(slash - path), path);
}

int path_mkparents(const char *path, mode_t mode, struct err *err)
{
    own(str_fini) char *parent = parent_of(path);
    return path_mkdirs(parent, mode, err);
}

int path_sync_parent(const char *path, struct err *err)
{
    own(str_fini) char *parent = parent_of(path);
    own(fd_fini) int fd = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || (fsync(fd) < 0 && errno != EINVAL))
        return err_sys(err, "cannot sync directory %s", parent);
    return 0;
}

static int write_all(int fd, const char *bytes, size_t len)
{
    while (len) {
        ssize_t n = write(fd, bytes, len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -1;
        bytes += n;
        len -= (size_t)n;
    }
    return 0;
}

int path_write(const char *path, const void *bytes, size_t len, mode_t mode, struct err *err)
{
    own(str_fini) char *temp = str_print("%s.tmp.%ld", path, (long)getpid());
    own(fd_fini) int fd = open(temp, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, mode);
    if (fd < 0)
        return err_sys(err, "cannot write %s", path);
    if (write_all(fd, bytes, len) < 0 || fsync(fd) < 0 || rename(temp, path) < 0) {
        err_sys(err, "cannot write %s", path);
        unlink(temp);
        return -1;
    }
    return path_sync_parent(path, err);
}

int path_open_beneath(int dirfd, const char *name, int flags)
{
    struct open_how how = {
        .flags = (uint64_t)(flags | O_CLOEXEC),
        .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS,
    };
    /* EAGAIN: something on the machine was renamed while `..` was followed (openat2(2)). */
    long fd = -1;
    for (int tries = 0; tries < 100; tries++) {
        fd = syscall(SYS_openat2, dirfd, name, &how, sizeof(how));
        if (fd >= 0 || errno != EAGAIN)
            break;
    }
    return (int)fd;
}

static int remove_at(int dirfd, const char *name, int depth)
{
    if (unlinkat(dirfd, name, 0) == 0 || errno == ENOENT)
        return 0;
    if ((errno != EISDIR && errno != EPERM && errno != EACCES) || depth > 4000)
        return -1;
    fchmodat(dirfd, name, 0700, 0); /* a directory, then; a task may have closed it */
    int fd = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return -1;
    DIR *dir = fdopendir(fd);
    if (!dir) {
        close(fd);
        return -1;
    }
    int rc = 0;
    struct dirent *e;
    while (rc == 0 && (e = readdir(dir)))
        if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
            rc = remove_at(fd, e->d_name, depth + 1);
    closedir(dir);
    return rc < 0 ? -1 : unlinkat(dirfd, name, AT_REMOVEDIR);
}

int path_remove(const char *path, struct err *err)
{
    if (remove_at(AT_FDCWD, path, 0) < 0 && errno != ENOENT)
        return err_sys(err, "cannot remove %s", path);
    return 0;
}

static int chown_at(int dirfd, const char *name, uid_t uid, gid_t gid)
{
    if (fchownat(dirfd, name, uid, gid, AT_SYMLINK_NOFOLLOW) < 0)
        return -1;
    int fd = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOTDIR || errno == ELOOP ? 0 : -1;
    DIR *dir = fdopendir(fd);
    if (!dir) {
        close(fd);
        return -1;
    }
    int rc = 0;
    struct dirent *e;
    while (rc == 0 && (e = readdir(dir)))
        if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
            rc = chown_at(fd, e->d_name, uid, gid);
    closedir(dir);
    return rc;
}

int path_chown_tree(const char *path, uid_t uid, gid_t gid, struct err *err)
{
    if (chown_at(AT_FDCWD, path, uid, gid) < 0)
        return err_sys(err, "cannot give %s to uid %ld", path, (long)uid);
    return 0;
}

bool path_exists(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0;
}
