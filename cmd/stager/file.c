#include "stager.h"
#include <fcntl.h>
#include <sys/file.h>
#include <sys/random.h>
#include "host/path.h"
#include "text/uri.h"

#define BEGIN_BYTES (8 * 1024 * 1024)
#define TEMP_MODE 0600

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
    src->sparse = st.st_blocks < st.st_size / 512;
    str_fini(&src->validator);
    src->validator = str_print("%lld.%09ld %lld", (long long)st.st_mtim.tv_sec, st.st_mtim.tv_nsec,
                               (long long)st.st_ino);
    posix_fadvise(src->fd, 0, 0, POSIX_FADV_SEQUENTIAL);
    return 0;
}

static int file_resume(struct source *src, int64_t offset, struct fault *f)
{
    return lseek(src->fd, offset, SEEK_SET) < 0 ? fault_sys(f, "cannot read %s", src->shown) : 0;
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
        .resume = file_resume,
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
    return t->item->batch ? 0 : sync_made(path, old, f);
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

static int file_create(struct transfer *t, const char *url, struct fault *f)
{
    struct err err = {0};
    own(str_fini) char *path = file_path(url, f);
    if (!path)
        return -1;
    trim_slashes(path);
    if (file_parents(t, path, f) < 0)
        return -1;
    if (mkdir(path, 0777) < 0)
        return errno == EEXIST ? fault_set(f, REASON_EXISTS, false, "%s is there already", url)
                               : fault_sys(f, "cannot make directory %s", url);
    return path_sync_parent(path, &err) == 0
               ? 0
               : fault_set(f, REASON_UNREACHABLE, true, "%s", err.text);
}

/* Links go, not what they lead to. */
static int file_remove(struct transfer *t, const char *url, struct fault *f)
{
    struct err err = {0};
    own(str_fini) char *path = file_path(url, f);
    (void)t;
    if (!path)
        return -1;
    trim_slashes(path);
    if (!path[1])
        return fault_set(f, REASON_INVALID, false, "the root of a machine is not removed");
    if (path_remove(path, &err) == 0)
        return 0;
    errno = err.errnum;
    return fault_sys(f, "cannot remove %s", url);
}

static int file_sync(const char *url, struct fault *f)
{
    own(str_fini) char *path = file_path(url, f);
    if (!path)
        return -1;
    own(fd_fini) int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || syncfs(fd) < 0)
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

static bool all_zero(const char *bytes, size_t n)
{
    return *bytes == 0 && memcmp(bytes, bytes + 1, n - 1) == 0;
}

/* Where a file has holes its copy gets them too. */
static int write_all(int fd, const char *bytes, size_t n, bool holes)
{
    if (holes && all_zero(bytes, n))
        return lseek(fd, (off_t)n, SEEK_CUR) < 0 ? -1 : 0;
    for (size_t at = 0; at < n;) {
        ssize_t got = write(fd, bytes + at, n - at);
        if (got < 0 && (errno != EINTR || stager_signal))
            return -1;
        at += got > 0 ? (size_t)got : 0;
    }
    return 0;
}

/* The disk begins to write while more comes. */
static int fill(struct stream *s, int fd, const char *shown, struct fault *f)
{
    int64_t begun = s->count;
    for (;;) {
        char *bytes = digest_block(s->digest);
        ssize_t got = stream_read(s, bytes, DIGEST_BLOCK, f);
        if (got < 0)
            return -1;
        if (got == 0 && s->src->sparse && ftruncate(fd, s->count) < 0) /* a hole may be its end */
            return fault_sys(f, "cannot write %s", shown);
        if (got == 0)
            return 0;
        if (write_all(fd, bytes, (size_t)got, s->src->sparse) < 0)
            return fault_sys(f, "cannot write %s", shown);
        if (s->count - begun >= BEGIN_BYTES) { /* only a hint: the fsync at the end says all */
            sync_file_range(fd, begun, s->count - begun, SYNC_FILE_RANGE_WRITE);
            begun = s->count;
        }
    }
}

/* --- a part that is kept for the next time --- */

/* Beside the part stands what it is a part of. The caller frees both. */
static char *part_of(const char *path, char **mark)
{
    const char *slash = strrchr(path, '/');
    char *part = str_print("%.*s.%.200s.execdm-part", (int)(slash - path + 1), path, slash + 1);
    *mark = str_print("%s.of", part);
    return part;
}

static bool part_fits(const struct source *src, const char *mark)
{
    char text[4096];
    own(fd_fini) int fd = open(mark, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    own(str_fini) char *want = str_print("%s\n%s\n", src->shown, src->validator);
    ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text));
    return n > 0 && (size_t)n == strlen(want) && memcmp(text, want, (size_t)n) == 0;
}

/* Puts the stream behind the part: 1; 0 when it must begin anew; -1. */
static int part_continue(struct stream *s, int fd, const char *mark, struct fault *f)
{
    if (!s->src->validator || !s->src->resume || !part_fits(s->src, mark))
        return 0;
    if (stream_skip(s, fd, f) == 0)
        return 1;
    return f->restart && stream_rewind(s, f) == 0 ? 0 : -1;
}

static int part_open(struct stream *s, const char *part, const char *mark, const char *shown,
                     int *fd, struct fault *f)
{
    struct err err = {0};
    *fd = open(part, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, TEMP_MODE);
    if (*fd < 0)
        return fault_sys(f, "cannot write %s", shown);
    if (flock(*fd, LOCK_EX | LOCK_NB) < 0)
        return fault_set(f, REASON_DENIED, true, "%s is being fetched by another execdm-stage",
                         shown);
    int rc = part_continue(s, *fd, mark, f);
    if (rc != 0)
        return rc < 0 ? -1 : 0;
    if (ftruncate(*fd, 0) < 0 || lseek(*fd, 0, SEEK_SET) < 0)
        return fault_sys(f, "cannot write %s", shown);
    unlink(mark);
    own(str_fini) char *text = str_print("%s\n%s\n", s->src->shown, s->src->validator);
    if (s->src->validator && path_write(mark, text, strlen(text), 0600, &err) < 0)
        return fault_set(f, REASON_UNREACHABLE, true, "%s", err.text);
    return 0;
}

/* Is what came worth keeping after this? */
static bool part_stays(const struct stream *s, const struct fault *f)
{
    return s->t->item->keep && s->src->validator && s->count > 0 && f->transient && !f->restart;
}

/* --- a whole file --- */

/* In a batch the asker makes it last, but what is replaced must not be lost to a power cut. */
static int settle(const struct stream *s, int fd, const char *temp, const char *path, mode_t mode)
{
    if (mode != TEMP_MODE && fchmod(fd, mode) < 0)
        return -1;
    if (s->t->item->batch && renameat2(AT_FDCWD, temp, AT_FDCWD, path, RENAME_NOREPLACE) == 0)
        return 0;
    return fsync(fd) < 0 || rename(temp, path) < 0 ? -1 : 0;
}

/* Its directory is made when it is missed. */
static int open_new(struct transfer *t, const char *path, struct fault *f)
{
    const int flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
    int fd = open(path, flags, TEMP_MODE);
    if (fd >= 0 || errno != ENOENT)
        return fd;
    return file_parents(t, path, f) < 0 ? -1 : open(path, flags, TEMP_MODE);
}

static int is_directory(const char *url, struct fault *f)
{
    return fault_set(f, REASON_INVALID, false, "%s is a directory, expected a file's name", url);
}

static int file_store(struct stream *s, const char *path, const char *url, mode_t mode,
                      struct fault *f)
{
    own(str_fini) char *mark = NULL;
    bool keep = s->t->item->keep;
    own(str_fini) char *temp = keep ? part_of(path, &mark) : file_temp(path);
    own(fd_fini) int fd = -1;
    if (keep && (file_parents(s->t, path, f) < 0 || part_open(s, temp, mark, url, &fd, f) < 0))
        return -1;
    if (!keep && (fd = open_new(s->t, temp, f)) < 0)
        return f->reason ? -1 : fault_sys(f, "cannot write %s", url);
    int rc = fill(s, fd, url, f);
    if (rc == 0 && settle(s, fd, temp, path, mode) < 0)
        rc = errno == EISDIR ? is_directory(url, f) : fault_sys(f, "cannot write %s", url);
    if (rc < 0 && part_stays(s, f))
        return -1;
    if (rc < 0)
        unlink(temp);
    if (mark)
        unlink(mark);
    return rc;
}

static int file_put(struct stream *s, const char *url, mode_t mode, struct fault *f)
{
    struct err err = {0};
    own(str_fini) char *path = file_path(url, f);
    if (!path)
        return -1;
    /* of many small files a look costs as much as all else, and rename says it too */
    struct stat st;
    bool look = s->src->ino || !s->t->item->batch, there = look && stat(path, &st) == 0;
    if (there && st.st_ino == s->src->ino && st.st_dev == s->src->dev)
        return fault_set(f, REASON_INVALID, false, "%s and %s are the same file", s->src->shown,
                         url);
    if (there && S_ISDIR(st.st_mode))
        return is_directory(url, f);
    if (file_store(s, path, url, mode, f) < 0)
        return -1;
    if (!s->t->item->batch && path_sync_parent(path, &err) < 0)
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
    .create = file_create,
    .remove = file_remove,
    .sync = file_sync,
    .kind = file_kind,
    .present = file_present,
    .readable = file_readable,
    .writable = file_writable,
};
