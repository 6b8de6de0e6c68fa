#include "stager.h"
#include <fcntl.h>
#include <sys/random.h>
#include "host/path.h"
#include "text/uri.h"

char *file_path(const char *url, struct fault *f)
{
    char *path = uri_file_path(url);
    if (!path) {
        own(str_fini) char *shown = uri_shown(url);
        fault_set(f, REASON_INVALID, false,
                  "%s: expected file:///PATH, absolute and on this machine", shown);
    }
    return path;
}

/* --- as a source --- */

static int file_begin(struct source *src, struct fault *f)
{
    struct stat st;
    if (fstat(src->fd, &st) < 0 || lseek(src->fd, 0, SEEK_SET) < 0)
        return fault_sys(f, "cannot read %s", src->shown);
    src->size = st.st_size;
    posix_fadvise(src->fd, 0, 0, POSIX_FADV_SEQUENTIAL);
    return 0;
}

/* A file that grows is read no further than it was: it ends, and it is noticed. */
static ssize_t file_read(struct source *src, char *bytes, size_t n, struct fault *f)
{
    struct stat st;
    off_t at = lseek(src->fd, 0, SEEK_CUR);
    ssize_t got;
    if ((off_t)n > src->size - at)
        n = at < src->size ? (size_t)(src->size - at) : 0;
    do
        got = read(src->fd, bytes, n);
    while (got < 0 && errno == EINTR && !stager_signal);
    if (got < 0 || at < 0 || fstat(src->fd, &st) < 0)
        return fault_sys(f, "cannot read %s", src->shown);
    if ((at + got == src->size || got == 0) && st.st_size != src->size)
        return fault_set(f, REASON_CORRUPT, true,
                         "%s changed while it was copied, from %" PRId64 " to %" PRId64
                         " bytes; try again when it is at rest",
                         src->shown, src->size, (int64_t)st.st_size);
    return got;
}

struct source *file_source(int fd, const char *url, const char *name)
{
    struct source *src = mem_new(sizeof(*src));
    struct stat st = {0};
    fstat(fd, &st); /* of an open descriptor: cannot fail */
    *src = (struct source){
        .kind = S_ISDIR(st.st_mode)   ? KIND_DIRECTORY
                : S_ISREG(st.st_mode) ? KIND_FILE
                                      : KIND_UNKNOWN,
        .size = S_ISREG(st.st_mode) ? st.st_size : -1,
        .mode = st.st_mode & 07777,
        .dev = st.st_dev,
        .ino = st.st_ino,
        .fd = fd,
        .name = str_new(name),
        .shown = uri_shown(url),
        .begin = file_begin,
        .read = file_read,
    };
    return src;
}

/* What a task wrote is opened beneath its directory; a link in its place is followed only to a
 * neighbour. What the owner names is opened as he names it. O_NONBLOCK: a fifo must not hold us. */
static int open_source(const char *path, bool task)
{
    const int flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY;
    if (!task)
        return open(path, flags);
    int fd = open(path, flags | O_NOFOLLOW);
    if (fd >= 0 || errno != ELOOP)
        return fd;
    const char *slash = strrchr(path, '/');
    own(str_fini) char *parent = str_print("%.*s", (int)(slash - path + 1), path);
    own(fd_fini) int dir = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return dir < 0 ? -1 : path_open_beneath(dir, slash + 1, flags);
}

static void trim_slashes(char *path)
{
    for (size_t n = strlen(path); n > 1 && path[n - 1] == '/'; n--)
        path[n - 1] = '\0';
}

static int file_open(struct transfer *t, const char *url, struct source **src, struct fault *f)
{
    own(str_fini) char *path = file_path(url, f);
    own(str_fini) char *name = url_name(url);
    own(str_fini) char *shown = uri_shown(url);
    if (!path)
        return -1;
    trim_slashes(path);
    int fd = open_source(path, t && t->item->direction == DIRECTION_PUSH);
    if (fd < 0)
        return fault_sys(f, "cannot read %s", shown);
    own(source_close) struct source *opened = file_source(fd, url, name);
    if (opened->kind == KIND_UNKNOWN)
        return fault_set(f, REASON_INVALID, false, "%s is neither a file nor a directory", shown);
    if (opened->kind == KIND_FILE && url_is_folder(url))
        return fault_set(f, REASON_INVALID, false, "%s is a file, its URL says a directory", shown);
    *src = move(opened);
    return 0;
}

static struct source *file_present(const char *url)
{
    struct fault ignored = {0};
    struct stat st;
    own(str_fini) char *path = uri_file_path(url);
    own(source_close) struct source *src = NULL;
    /* a link would be replaced by a file, so it is not what shall be there */
    if (!path || lstat(path, &st) < 0 || !S_ISREG(st.st_mode) ||
        file_open(NULL, url, &src, &ignored) < 0)
        return NULL;
    return move(src);
}

static int file_readable(const char *url, struct found *found, struct fault *f)
{
    own(source_close) struct source *src = NULL;
    if (file_open(NULL, url, &src, f) < 0)
        return -1;
    *found = (struct found){src->kind, src->size};
    return 0;
}

/* --- as a destination --- */

static enum kind file_kind(const char *url)
{
    struct stat st;
    own(str_fini) char *path = uri_file_path(url);
    if (!path || stat(path, &st) < 0)
        return KIND_UNKNOWN;
    return S_ISDIR(st.st_mode) ? KIND_DIRECTORY : S_ISREG(st.st_mode) ? KIND_FILE : KIND_UNKNOWN;
}

/* The directory's entries, then its own name, and so on up to where nothing was new. */
static int sync_made(const char *path, size_t old, struct fault *f)
{
    struct err err = {0};
    own(str_fini) char *p = str_new(path);
    while (strlen(p) > old) {
        if (path_sync_parent(p, &err) < 0)
            return fault_set(f, REASON_UNREACHABLE, true, "%s", err.text);
        char *slash = strrchr(p, '/');
        if (!slash || slash == p)
            break;
        *slash = '\0';
        trim_slashes(p);
    }
    return 0;
}

static int make_directory(struct transfer *t, const char *path, struct fault *f)
{
    struct err err = {0};
    own(str_fini) char *there = str_new(path);
    while (!path_exists(there) && strrchr(there, '/') > there)
        *strrchr(there, '/') = '\0';
    size_t old = path_exists(there) ? strlen(there) : 1;
    if (old == strlen(path))
        return 0;
    mode_t mode = t->item->direction == DIRECTION_PULL ? 0700 : 0777;
    if (path_mkdirs(path, mode, &err) < 0) {
        errno = err.errnum;
        own(str_fini) char *url = uri_of_path(path);
        return fault_sys(f, "cannot make directory %s", url);
    }
    return sync_made(path, old, f);
}

int file_parents(struct transfer *t, const char *path, struct fault *f)
{
    const char *slash = strrchr(path, '/');
    if (slash == path)
        return 0;
    own(str_fini) char *parent = str_print("%.*s", (int)(slash - path), path);
    return make_directory(t, parent, f);
}

static int file_make(struct transfer *t, const char *url, struct fault *f)
{
    own(str_fini) char *path = file_path(url, f);
    if (!path)
        return -1;
    trim_slashes(path);
    if (make_directory(t, path, f) < 0)
        return -1;
    if (file_kind(url) == KIND_DIRECTORY)
        return 0;
    return fault_set(f, REASON_INVALID, false, "%s is there and is no directory", url);
}

static int file_sync(const char *url, struct fault *f)
{
    own(str_fini) char *path = file_path(url, f);
    if (!path)
        return -1;
    own(fd_fini) int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || (fsync(fd) < 0 && errno != EINVAL))
        return fault_sys(f, "cannot sync directory %s", url);
    return 0;
}

char *file_temp(const char *path)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz234567";
    unsigned char random[8] = {0};
    char end[sizeof(random) + 1] = {0};
    const char *slash = strrchr(path, '/');
    if (getrandom(random, sizeof(random), 0) != sizeof(random))
        memcpy(random, &(unsigned){(unsigned)getpid()}, sizeof(unsigned));
    for (size_t i = 0; i < sizeof(random); i++)
        end[i] = letters[random[i] % 32];
    /* 255 bytes is the longest name most file systems take */
    return str_print("%.*s.%.200s.execdm-%s", (int)(slash - path + 1), path, slash + 1, end);
}

static int fill(struct stream *s, int fd, const char *shown, struct fault *f)
{
    own(str_fini) char *bytes = mem_grow(NULL, STAGER_BUFFER, 1);
    for (;;) {
        ssize_t got = stream_read(s, bytes, STAGER_BUFFER, f);
        if (got <= 0)
            return (int)got;
        for (ssize_t at = 0; at < got;) {
            ssize_t n = write(fd, bytes + at, (size_t)(got - at));
            if (n < 0 && (errno != EINTR || stager_signal))
                return fault_sys(f, "cannot write %s", shown);
            at += n > 0 ? n : 0;
        }
    }
}

static bool same_file(const struct source *src, const char *path)
{
    struct stat st;
    return src->ino && stat(path, &st) == 0 && st.st_ino == src->ino && st.st_dev == src->dev;
}

static int file_put(struct stream *s, const char *url, mode_t mode, struct fault *f)
{
    struct err err = {0};
    own(str_fini) char *path = file_path(url, f);
    if (!path || file_parents(s->t, path, f) < 0)
        return -1;
    if (same_file(s->src, path))
        return fault_set(f, REASON_INVALID, false, "%s and %s are the same file", s->src->shown,
                         url);
    if (file_kind(url) == KIND_DIRECTORY)
        return fault_set(f, REASON_INVALID, false, "%s is a directory, expected a file's name",
                         url);
    own(str_fini) char *temp = file_temp(path);
    own(fd_fini) int fd = open(temp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return fault_sys(f, "cannot write %s", url);
    int rc = fill(s, fd, url, f);
    if (rc == 0 && (fchmod(fd, mode) < 0 || fsync(fd) < 0 || rename(temp, path) < 0))
        rc = fault_sys(f, "cannot write %s", url);
    if (rc < 0) {
        unlink(temp);
        return -1;
    }
    if (path_sync_parent(path, &err) < 0)
        return fault_set(f, REASON_UNREACHABLE, true, "%s", err.text);
    return 0;
}

/* A file is replaced by rename, so what counts is the nearest directory that is there. */
static int file_writable(const char *url, enum kind type, struct fault *f)
{
    own(str_fini) char *path = file_path(url, f);
    if (!path)
        return -1;
    trim_slashes(path);
    enum kind there = file_kind(url);
    if (there == KIND_FILE && type == KIND_DIRECTORY)
        return fault_set(f, REASON_INVALID, false, "%s is a file, expected a directory", url);
    if (there == KIND_DIRECTORY && type == KIND_FILE)
        return fault_set(f, REASON_INVALID, false, "%s is a directory, expected a file", url);
    if (there == KIND_FILE)
        *strrchr(path, '/') = '\0';
    while (*path && !path_exists(path))
        *strrchr(path, '/') = '\0';
    const char *place = *path ? path : "/";
    struct stat st;
    if (stat(place, &st) == 0 && !S_ISDIR(st.st_mode))
        errno = ENOTDIR;
    else if (faccessat(AT_FDCWD, place, W_OK | X_OK, AT_EACCESS) == 0)
        return 0;
    return fault_sys(f, "cannot write %s, because of %s", url, place);
}

const struct scheme scheme_file = {
    .name = "file",
    .open = file_open,
    .put = file_put,
    .make = file_make,
    .sync = file_sync,
    .kind = file_kind,
    .present = file_present,
    .readable = file_readable,
    .writable = file_writable,
};
