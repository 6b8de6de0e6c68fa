#include <fcntl.h>
#include <linux/close_range.h>
#include <linux/openat2.h>
#include <pwd.h>
#include <sys/syscall.h>
#include "host/path.h"
#include "host/walk.h"

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

char *path_state(void)
{
    const char *site = getenv("EXECDM_STATE"), *xdg = getenv("XDG_STATE_HOME");
    const char *home = getenv("HOME");
    if (site && *site) {
        char *real = realpath(site, NULL);
        return real ? real : str_new(site);
    }
    if (xdg && *xdg == '/')
        return str_print("%s/execdm", xdg);
    if (!home || *home != '/') {
        const struct passwd *pw = getpwuid(geteuid()); /* HOME is unset under cron and CGI */
        home = pw ? pw->pw_dir : NULL;
    }
    return home ? str_print("%s/.local/state/execdm", home) : NULL;
}

void fd_keep_none(int from)
{
    if (close_range((unsigned)from, ~0U, CLOSE_RANGE_CLOEXEC) == 0)
        return;
    const long most = sysconf(_SC_OPEN_MAX); /* Linux before 5.11 */
    for (int fd = from; fd < most; fd++)
        fcntl(fd, F_SETFD, FD_CLOEXEC);
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

static int open_beneath(int dirfd, const char *name, int flags, uint64_t resolve)
{
    struct open_how how = {.flags = (uint64_t)(flags | O_CLOEXEC),
                           .resolve = RESOLVE_BENEATH | resolve};
    /* EAGAIN: something on the machine was renamed while `..` was followed (openat2(2)). */
    long fd = -1;
    for (int tries = 0; tries < 100; tries++) {
        fd = syscall(SYS_openat2, dirfd, name, &how, sizeof(how));
        if (fd >= 0 || errno != EAGAIN)
            break;
    }
    return (int)fd;
}

int path_open_beneath(int dirfd, const char *name, int flags)
{
    return open_beneath(dirfd, name, flags, RESOLVE_NO_MAGICLINKS);
}

int path_open_plain(int dirfd, const char *name, int flags)
{
    return open_beneath(dirfd, name, flags, RESOLVE_NO_SYMLINKS);
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

/* 1: a directory, opened up (a task may have closed it), whose entries have to go first; 0; -1 */
static int remove_one(int dirfd, const char *name)
{
    struct stat st;
    if (unlinkat(dirfd, name, 0) == 0 || errno == ENOENT)
        return 0;
    const int errnum = errno;
    if (fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISDIR(st.st_mode)) {
        errno = errnum;
        return -1;
    }
    open_up(dirfd, name);
    return 1;
}

static int remove_below(const char *path)
{
    own(walk_fini) struct walk w = {.fd = -1};
    int rc = walk_open(&w, path);
    enum walk_found found;
    while (rc == 0 && (found = walk_next(&w)) != WALK_END) {
        if (found == WALK_ENTRY && (rc = remove_one(w.fd, w.name)) > 0) {
            walk_into(&w);
            rc = 0;
        } else if (found == WALK_LEFT) {
            rc = unlinkat(w.fd, w.name, AT_REMOVEDIR);
        } else if (found == WALK_FAILED) {
            rc = -1;
        }
    }
    return rc;
}

int path_remove(const char *path, struct err *err)
{
    int rc = remove_one(AT_FDCWD, path);
    if (rc > 0 && (rc = remove_below(path)) == 0)
        rc = unlinkat(AT_FDCWD, path, AT_REMOVEDIR);
    return rc == 0 || errno == ENOENT ? 0 : err_sys(err, "cannot remove %s", path);
}

/* 1: a directory, 0, -1 */
static int own_one(int dirfd, const char *name, uid_t uid, gid_t gid)
{
    struct stat st;
    if (fchownat(dirfd, name, uid, gid, AT_SYMLINK_NOFOLLOW) < 0 || open_up(dirfd, name) < 0 ||
        fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return -1;
    return S_ISDIR(st.st_mode);
}

static int own_below(const char *path, uid_t uid, gid_t gid)
{
    own(walk_fini) struct walk w = {.fd = -1};
    int rc = walk_open(&w, path);
    enum walk_found found;
    while (rc == 0 && (found = walk_next(&w)) != WALK_END) {
        if (found == WALK_ENTRY && (rc = own_one(w.fd, w.name, uid, gid)) > 0) {
            walk_into(&w);
            rc = 0;
        } else if (found == WALK_FAILED) {
            rc = -1;
        }
    }
    return rc;
}

int path_own_tree(const char *path, uid_t uid, gid_t gid, struct err *err)
{
    int rc = own_one(AT_FDCWD, path, uid, gid);
    if (rc > 0)
        rc = own_below(path, uid, gid);
    return rc == 0 ? 0 : err_sys(err, "cannot give %s to uid %ld", path, (long)uid);
}

bool path_exists(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0;
}
