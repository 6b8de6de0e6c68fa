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

int fd_write(int fd, const void *bytes, size_t len)
{
    const char *at = bytes;
    while (len) {
        ssize_t n = write(fd, at, len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -1;
        at += n;
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
    if (fd_write(fd, bytes, len) < 0 || fsync(fd) < 0 || rename(temp, path) < 0) {
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

/* Visits the entries of a directory, not following it when it is a link, until one fails. The
 * directory's own name is dirfd and name; -1 with ENOTDIR or ELOOP when it is none. */
static int each_entry(int dirfd, const char *name,
                      int (*visit)(int dirfd, const char *name, void *context), void *context)
{
    int fd = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    struct dirent *e;
    int rc = 0;
    if (!dir) {
        int errnum = errno;
        if (fd >= 0)
            close(fd);
        errno = errnum;
        return -1;
    }
    while (rc == 0 && (e = readdir(dir)))
        if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
            rc = visit(fd, e->d_name, context);
    int errnum = errno;
    closedir(dir);
    errno = errnum;
    return rc;
}

/* Gives the owner back what was taken away: rwx on a directory, rw on a file; no setuid bits. Links
 * and special files are left alone. */
static int open_up(int dirfd, const char *name)
{
    struct stat st;
    if (fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return -1;
    mode_t want = (st.st_mode & 0777) | (S_ISDIR(st.st_mode) ? 0700 : 0600);
    if ((!S_ISDIR(st.st_mode) && !S_ISREG(st.st_mode)) || want == (st.st_mode & 07777))
        return 0;
    return fchmodat(dirfd, name, want, 0);
}

static int remove_at(int dirfd, const char *name, void *context)
{
    if (unlinkat(dirfd, name, 0) == 0 || errno == ENOENT)
        return 0;
    if (errno != EISDIR && errno != EPERM && errno != EACCES)
        return -1;
    open_up(dirfd, name); /* a directory, then; a task may have closed it */
    if (each_entry(dirfd, name, remove_at, context) < 0)
        return -1;
    return unlinkat(dirfd, name, AT_REMOVEDIR);
}

int path_remove(const char *path, struct err *err)
{
    if (remove_at(AT_FDCWD, path, NULL) < 0 && errno != ENOENT)
        return err_sys(err, "cannot remove %s", path);
    return 0;
}

struct owner {
    uid_t uid;
    gid_t gid;
};

static int own_at(int dirfd, const char *name, void *context)
{
    const struct owner *o = context;
    if (fchownat(dirfd, name, o->uid, o->gid, AT_SYMLINK_NOFOLLOW) < 0 || open_up(dirfd, name) < 0)
        return -1;
    if (each_entry(dirfd, name, own_at, context) == 0 || errno == ENOTDIR || errno == ELOOP)
        return 0;
    return -1;
}

int path_own_tree(const char *path, uid_t uid, gid_t gid, struct err *err)
{
    struct owner owner = {uid, gid};
    if (own_at(AT_FDCWD, path, &owner) < 0)
        return err_sys(err, "cannot give %s to uid %ld", path, (long)uid);
    return 0;
}

bool path_exists(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0;
}
