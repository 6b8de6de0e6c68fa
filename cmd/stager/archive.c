/* Unpacking, the one file that knows libarchive.
 *
 * An archive is unpacked as a whole or not at all, into a private directory beside its place. No
 * link exists in there while files are made, so a plain relative name cannot leave it; links come
 * last and each is then followed by the kernel, beneath the directory only. */
#include "stager.h"
#include <fcntl.h>
#include <locale.h>
#include "host/path.h"
#include <archive.h>
#include <archive_entry.h>

#define ENTRIES_MAX 1000000
#define BYTES_MAX ((int64_t)1 << 40)

struct link {
    char *name, *target;
};

struct unpack {
    struct stream *s;
    struct fault *f;
    struct archive *archive;
    int root; /* the private directory */
    char *bytes;
    int64_t entries, size;
    struct link *links;
    size_t nlinks;
};

static void unpack_fini(struct unpack *u)
{
    archive_read_free(u->archive);
    if (u->root >= 0)
        close(u->root);
    for (size_t i = 0; i < u->nlinks; i++) {
        free(u->links[i].name);
        free(u->links[i].target);
    }
    free(u->links);
    free(u->bytes);
}

static ssize_t on_read(struct archive *a, void *self, const void **bytes)
{
    struct unpack *u = self;
    *bytes = u->bytes;
    ssize_t n = stream_read(u->s, u->bytes, STAGER_BUFFER, u->f);
    if (n < 0)
        archive_set_error(a, EIO, "the stream failed");
    return n;
}

/* "./a//b/" becomes "a/b"; NULL when it is absolute or climbs. The caller frees. */
static char *clean_name(const char *name)
{
    own(buf_fini) struct buf b = {0};
    if (*name == '/')
        return NULL;
    while (*name) {
        size_t n = strcspn(name, "/");
        if (n == 2 && strncmp(name, "..", 2) == 0)
            return NULL;
        if (n > 0 && !(n == 1 && *name == '.')) {
            if (b.len)
                buf_char(&b, '/');
            buf_add(&b, name, n);
        }
        name += n + (name[n] == '/');
    }
    buf_str(&b, "");
    return b.bytes ? buf_take(&b) : str_new("");
}

static int refuse(struct unpack *u, const char *name, const char *why)
{
    return fault_set(u->f, REASON_INVALID, false, "%s: entry %s %s; nothing was unpacked",
                     u->s->src->shown, name, why);
}

static int failed(struct unpack *u, const char *name)
{
    return fault_sys(u->f, "cannot unpack %s from %s", name, u->s->src->shown);
}

static int make_parents(struct unpack *u, const char *name, bool itself)
{
    own(str_fini) char *p = str_new(name);
    for (char *slash = p; (slash = strchr(slash, '/')); slash++) {
        *slash = '\0';
        if (mkdirat(u->root, p, 0700) < 0 && errno != EEXIST)
            return failed(u, p);
        *slash = '/';
    }
    if (!itself || mkdirat(u->root, p, 0700) == 0)
        return 0;
    struct stat st;
    if (fstatat(u->root, p, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode))
        return 0;
    return failed(u, p);
}

static int room_for(struct unpack *u, int64_t more)
{
    if (more >= 0 && more <= BYTES_MAX - u->size)
        return 0;
    return fault_set(u->f, REASON_INVALID, false,
                     "%s unpacks to more than 1 TiB; nothing was unpacked", u->s->src->shown);
}

/* Blocks have offsets: the holes of a sparse file stay holes. */
static int write_blocks(struct unpack *u, int fd, const char *name, int64_t *size)
{
    const void *bytes;
    size_t n;
    la_int64_t at;
    int rc;
    while ((rc = archive_read_data_block(u->archive, &bytes, &n, &at)) == ARCHIVE_OK) {
        if (stager_signal)
            return fault_set(u->f, REASON_STOPPED, true, "stopped by signal %d",
                             (int)stager_signal);
        if (room_for(u, at) < 0 || room_for(u, at + (int64_t)n) < 0)
            return -1;
        for (size_t done = 0; done < n;) {
            ssize_t wrote = pwrite(fd, (const char *)bytes + done, n - done, at + (off_t)done);
            if (wrote < 0 && (errno != EINTR || stager_signal))
                return failed(u, name);
            done += wrote > 0 ? (size_t)wrote : 0;
        }
        if (at + (int64_t)n > *size)
            *size = at + (int64_t)n;
    }
    if (rc == ARCHIVE_EOF)
        return 0;
    if (!u->s->failed)
        refuse(u, name, "is damaged");
    return -1;
}

static int unpack_file(struct unpack *u, struct archive_entry *e, const char *name)
{
    mode_t mode = 0600 | (archive_entry_perm(e) & 0100);
    int64_t size = 0;
    if (make_parents(u, name, false) < 0)
        return -1;
    if (unlinkat(u->root, name, 0) < 0 && errno != ENOENT) /* tar: the later one counts */
        return failed(u, name);
    own(fd_fini) int fd =
        openat(u->root, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);
    if (fd < 0)
        return failed(u, name);
    if (write_blocks(u, fd, name, &size) < 0)
        return -1;
    if (archive_entry_size_is_set(e) && archive_entry_size(e) > size) { /* a hole at the end */
        size = archive_entry_size(e);
        if (room_for(u, size) < 0)
            return -1;
        if (ftruncate(fd, size) < 0)
            return failed(u, name);
    }
    u->size += size;
    u->s->t->out.files++;
    return 0;
}

static int unpack_hardlink(struct unpack *u, const char *target, const char *name)
{
    own(str_fini) char *from = clean_name(target);
    if (!from || !*from)
        return refuse(u, name, "is a link that leads outside");
    if (make_parents(u, name, false) < 0)
        return -1;
    if (str_same(from, name))
        return 0;
    if (unlinkat(u->root, name, 0) < 0 && errno != ENOENT)
        return failed(u, name);
    if (linkat(u->root, from, u->root, name, 0) < 0)
        return failed(u, name);
    u->s->t->out.files++;
    return 0;
}

static int keep_symlink(struct unpack *u, const char *target, const char *name)
{
    if (!target || !*target || *target == '/')
        return refuse(u, name, "is a link that leads outside");
    if ((u->nlinks & (u->nlinks + 1)) == 0)
        u->links = mem_grow(u->links, 2 * u->nlinks + 2, sizeof(*u->links));
    u->links[u->nlinks++] = (struct link){str_new(name), str_new(target)};
    return 0;
}

static int make_symlinks(struct unpack *u)
{
    for (size_t i = 0; i < u->nlinks; i++) {
        const char *name = u->links[i].name;
        if (make_parents(u, name, false) < 0)
            return -1;
        if (symlinkat(u->links[i].target, u->root, name) < 0)
            return errno == EEXIST ? refuse(u, name, "is a link and something else too")
                                   : failed(u, name);
    }
    for (size_t i = 0; i < u->nlinks; i++) {
        own(fd_fini) int fd = path_open_beneath(u->root, u->links[i].name, O_PATH);
        if (fd < 0 && errno != ENOENT) /* one that leads nowhere leads nowhere outside */
            return refuse(u, u->links[i].name, "is a link that leads outside or into a loop");
    }
    return 0;
}

static int unpack_entry(struct unpack *u, struct archive_entry *e)
{
    const char *raw = archive_entry_pathname(e);
    if (!raw)
        raw = archive_entry_pathname_utf8(e);
    if (!raw)
        return refuse(u, "(unreadable)", "has no name that can be read");
    if (++u->entries > ENTRIES_MAX)
        return fault_set(u->f, REASON_INVALID, false,
                         "%s has more than %d entries; nothing was unpacked", u->s->src->shown,
                         ENTRIES_MAX);
    own(str_fini) char *name = clean_name(raw);
    if (!name)
        return refuse(u, raw, "leads outside");
    const char *hard = archive_entry_hardlink(e);
    if (hard)
        return *name ? unpack_hardlink(u, hard, name) : refuse(u, raw, "has no name");
    switch (archive_entry_filetype(e)) {
    case AE_IFDIR:
        return *name ? make_parents(u, name, true) : 0;
    case AE_IFREG:
        return *name ? unpack_file(u, e, name) : refuse(u, raw, "has no name");
    case AE_IFLNK:
        return *name ? keep_symlink(u, archive_entry_symlink(e), name)
                     : refuse(u, raw, "has no name");
    default:
        return refuse(u, raw, "is a device, fifo or socket");
    }
}

/* To the end of the stream, so that its checksum is known. */
static int drain(struct unpack *u)
{
    ssize_t n;
    do
        n = stream_read(u->s, u->bytes, STAGER_BUFFER, u->f);
    while (n > 0);
    return (int)n;
}

static int not_an_archive(struct unpack *u)
{
    own(str_fini) char *why = str_new(archive_error_string(u->archive));
    if (u->s->failed || drain(u) < 0) /* truncated, or a wrong checksum: that is the reason then */
        return -1;
    return fault_set(u->f, REASON_INVALID, false,
                     "%s cannot be unpacked, expected a tar or zip archive: %s", u->s->src->shown,
                     why ? why : "damaged");
}

static int unpack_all(struct unpack *u)
{
    struct archive_entry *e;
    int rc;
    setlocale(LC_CTYPE, "C.UTF-8"); /* else libarchive has no names for what is not ASCII */
    archive_read_support_filter_all(u->archive);
    archive_read_support_format_tar(u->archive);
    archive_read_support_format_zip_streamable(u->archive);
    if (archive_read_open(u->archive, u, NULL, on_read, NULL) != ARCHIVE_OK)
        return not_an_archive(u);
    while ((rc = archive_read_next_header(u->archive, &e)) == ARCHIVE_OK || rc == ARCHIVE_WARN)
        if (unpack_entry(u, e) < 0)
            return -1;
    if (rc != ARCHIVE_EOF)
        return not_an_archive(u);
    return drain(u) < 0 || make_symlinks(u) < 0 ? -1 : 0;
}

static int settle(struct unpack *u, const char *temp, const char *path, const char *url)
{
    struct err err = {0};
    if (syncfs(u->root) < 0)
        return fault_sys(u->f, "cannot write %s", url);
    if (rename(temp, path) < 0) /* an empty directory gives way */
        return fault_sys(u->f, "cannot put %s in place", url);
    if (path_sync_parent(path, &err) < 0)
        return fault_set(u->f, REASON_UNREACHABLE, true, "%s", err.text);
    return 0;
}

int archive_put(struct stream *s, const char *url, mode_t mode, struct fault *f)
{
    struct err ignored = {0};
    (void)mode;
    own(str_fini) char *path = file_path(url, f);
    if (!path)
        return -1;
    for (size_t n = strlen(path); n > 1 && path[n - 1] == '/'; n--)
        path[n - 1] = '\0';
    if (file_parents(s->t, path, f) < 0)
        return -1;
    own(str_fini) char *temp = file_temp(path);
    if (mkdir(temp, 0700) < 0)
        return fault_sys(f, "cannot write %s", url);
    s->t->out.files = 0;
    own(unpack_fini) struct unpack u = {
        .s = s,
        .f = f,
        .archive = archive_read_new(),
        .root = open(temp, O_RDONLY | O_DIRECTORY | O_CLOEXEC),
        .bytes = mem_grow(NULL, STAGER_BUFFER, 1),
    };
    int rc = u.root < 0 || !u.archive ? fault_sys(f, "cannot write %s", url) : unpack_all(&u);
    if (rc == 0)
        rc = settle(&u, temp, path, url);
    if (rc < 0)
        path_remove(temp, &ignored);
    return rc;
}
