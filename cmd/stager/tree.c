/* Everything below a directory, walked by descriptors: the names in it may have been chosen by a
 * task that wishes us no good, so no path is ever put together and opened (decisions, Outputs). */
#include "stager.h"
#include <dirent.h>
#include <fcntl.h>
#include "host/path.h"
#include "text/uri.h"

#define LIGHT (256 * 1024) /* bytes of a file that may wait behind others like it */
#define DEPTH_MAX 200      /* each level holds a descriptor; RLIMIT_NOFILE is 1024 by habit */

struct tree {
    struct transfer *t;
    struct pool *pool;
    struct fault why; /* of the first file that failed */
    struct source *root;
    const char *dest;
    bool task; /* written by a task: links are followed only to files inside */
    struct stat dest_stat;
    bool dest_known;
};

/* The directories we are in, innermost first. */
struct level {
    dev_t dev;
    ino_t ino;
    int depth;
    const struct level *up;
};

static int walk(struct tree *w, int fd, const char *rel, const struct level *up, struct fault *f);

static const char *special(mode_t mode)
{
    return S_ISFIFO(mode)   ? "is a fifo; skipped"
           : S_ISSOCK(mode) ? "is a socket; skipped"
                            : "is a device; skipped";
}

static bool among(const struct level *level, const struct stat *st)
{
    for (; level; level = level->up)
        if (level->dev == st->st_dev && level->ino == st->st_ino)
            return true;
    return false;
}

static int enter(struct tree *w, int fd, const char *rel, const struct level *up, bool link,
                 struct fault *f)
{
    struct transfer *t = w->t;
    struct stat st;
    if (fstat(fd, &st) < 0)
        return fault_sys(f, "cannot read %s", w->root->shown);
    if (among(up, &st))
        return transfer_warn(t, rel, f, "is a symbolic link into a loop; skipped");
    if (link && w->task) /* what is inside is copied where it really is */
        return transfer_warn(t, rel, f, "is a symbolic link to a directory; skipped");
    own(str_fini) char *url = url_below(w->dest, rel);
    if (t->to->make && t->to->make(t, url, f) < 0)
        return -1;
    return walk(w, fd, rel, up, f);
}

/* --- files, by the processes of a pool --- */

/* What is handed over: size and looseness, then name, URL and checksum, each with its NUL. */
static void pack(struct buf *b, const struct entry *e)
{
    const char *texts[] = {e->name, e->url, e->checksum};
    buf_add(b, &e->size, sizeof(e->size));
    buf_add(b, &e->loose, sizeof(e->loose));
    for (size_t i = 0; i < COUNT(texts); i++)
        buf_add(b, texts[i] ? texts[i] : "", texts[i] ? strlen(texts[i]) + 1 : 1);
}

static void unpack(const char *work, struct entry *e)
{
    *e = (struct entry){.kind = KIND_FILE};
    memcpy(&e->size, work, sizeof(e->size));
    memcpy(&e->loose, work + sizeof(e->size), sizeof(e->loose));
    e->name = work + sizeof(e->size) + sizeof(e->loose);
    const char *url = e->name + strlen(e->name) + 1, *checksum = url + strlen(url) + 1;
    e->url = *url ? url : NULL;
    e->checksum = *checksum ? checksum : NULL;
}

static int give(struct tree *w, const struct entry *e, struct fault *f)
{
    own(buf_fini) struct buf work = {0};
    pack(&work, e);
    bool light = e->size >= 0 && e->size < LIGHT;
    if (pool_give(w->pool, work.bytes, work.len, light) == 0)
        return 0;
    *f = w->why;
    return f->reason ? -1 : fault_set(f, REASON_STOPPED, true, "stopped");
}

/* Of a directory of ours; what it names may have changed since it was seen. */
static int open_below(const struct tree *w, const char *name, struct source **src, struct fault *f)
{
    const int flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY;
    own(str_fini) char *from = url_below(w->root->shown, name);
    int fd =
        w->task ? path_open_beneath(w->root->fd, name, flags) : openat(w->root->fd, name, flags);
    if (fd < 0)
        return fault_sys(f, "cannot read %s", from);
    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) & ~O_NONBLOCK);
    *src = file_source(fd, from, NULL);
    return (*src)->kind == KIND_FILE
               ? 0
               : fault_set(f, REASON_CORRUPT, true, "%s changed while it was copied", from);
}

/* The item of an entry; the caller frees both. */
static struct item item_of(const struct tree *w, const struct entry *e, char **from, char **to)
{
    struct item item = *w->t->item;
    item.source = *from = e->url ? str_new(e->url) : url_below(item.source, e->name);
    item.dest = *to = url_below(w->dest, e->name);
    item.type = KIND_FILE;
    item.checksum = e->checksum;
    item.loose = e->loose;
    item.size = w->root->fd >= 0 ? -1 : e->size; /* of a file of ours it may have grown */
    return item;
}

static void on_ahead(void *self, const char *work)
{
    own(str_fini) char *from = NULL;
    own(str_fini) char *to = NULL;
    struct entry e;
    unpack(work, &e);
    const struct item item = item_of(self, &e, &from, &to);
    transfer_ahead(&item);
}

static int on_run(void *self, const char *work, size_t n, const struct watcher *watcher,
                  struct outcome *out, struct fault *f)
{
    struct tree *w = self;
    own(str_fini) char *from = NULL;
    own(str_fini) char *to = NULL;
    struct transfer t = *w->t;
    struct entry e;
    own(source_close) struct source *src = NULL;
    (void)n;
    unpack(work, &e);
    const struct item item = item_of(w, &e, &from, &to);
    t.item = &item;
    t.watcher = watcher;
    t.out = (struct outcome){0};
    int rc = w->root->fd >= 0 ? open_below(w, e.name, &src, f) : transfer_open(&t, from, &src, f);
    if (rc == 0)
        rc = transfer_file(&t, src, e.name, to, f);
    *out = t.out;
    return rc;
}

static int on_progress(void *self, const char *work, int64_t bytes, int64_t total)
{
    struct tree *w = self;
    const struct watcher *watcher = w->t->watcher;
    (void)work, (void)bytes, (void)total;
    return watcher->progress(watcher->self, w->t->out.bytes + pool_moving(w->pool), w->t->total);
}

static int on_file(void *self, const char *work, const struct moved *moved)
{
    struct tree *w = self;
    (void)work;
    w->t->out.bytes += moved->size;
    w->t->out.files++;
    return w->t->watcher->file(w->t->watcher->self, moved);
}

static int on_warning(void *self, const char *work, const char *name, const char *text)
{
    struct tree *w = self;
    (void)work;
    return w->t->watcher->warning(w->t->watcher->self, name, text);
}

static int on_done(void *self, const char *work, const struct outcome *out, const struct fault *f)
{
    struct tree *w = self;
    struct entry e;
    (void)out;
    if (!f)
        return on_progress(w, work, 0, 0);
    unpack(work, &e);
    w->why = *f;
    if (!strstr(f->text, "://")) {
        own(str_fini) char *from = url_below(w->root->shown, e.name);
        fault_set(&w->why, f->reason, f->transient, "%s: %s", from, f->text);
    }
    return -1;
}

/* --- a directory of ours --- */

/* Takes the descriptor. */
static int copy_opened(struct tree *w, int fd, const char *rel, const struct level *up, bool link,
                       struct fault *f)
{
    own(fd_fini) int opened = fd;
    struct stat st = {0};
    fstat(opened, &st); /* of an open descriptor: cannot fail */
    if (S_ISDIR(st.st_mode))
        return enter(w, opened, rel, up, link, f);
    if (S_ISREG(st.st_mode))
        return give(w, &(struct entry){.name = rel, .size = -1}, f);
    return transfer_warn(w->t, rel, f, "%s", special(st.st_mode));
}

/* A link that cannot be followed is said, not fatal: the other results are worth having. */
static int unfollowed(struct tree *w, const char *rel, struct fault *f)
{
    int errnum = errno;
    const char *text = errnum == ENOENT  ? "is a symbolic link that leads nowhere; skipped"
                       : errnum == EXDEV ? "is a symbolic link that leads outside; skipped"
                       : errnum == ELOOP ? "is a symbolic link into a loop or outside; skipped"
                                         : NULL;
    if (text)
        return transfer_warn(w->t, rel, f, "%s", text);
    if (w->task || errnum == ENOTDIR || errnum == ENAMETOOLONG || errnum == EACCES)
        return transfer_warn(w->t, rel, f,
                             "is a symbolic link that cannot be followed (%s); skipped",
                             strerror(errnum));
    own(str_fini) char *from = url_below(w->root->shown, rel);
    return fault_sys(f, "cannot read %s", from);
}

static int copy_entry(struct tree *w, int dir, const char *name, const char *rel,
                      const struct level *up, struct fault *f)
{
    const int flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY;
    struct stat st;
    own(str_fini) char *from = url_below(w->root->shown, rel);
    if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return fault_sys(f, "cannot read %s", from);
    bool link = S_ISLNK(st.st_mode);
    if (!link && !S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode))
        return transfer_warn(w->t, rel, f, "%s", special(st.st_mode));
    if (S_ISREG(st.st_mode))
        return give(w, &(struct entry){.name = rel, .size = st.st_size}, f);
    int fd = !link     ? openat(dir, name, flags | O_NOFOLLOW)
             : w->task ? path_open_beneath(w->root->fd, rel, flags)
                       : openat(dir, name, flags);
    if (fd < 0)
        return link ? unfollowed(w, rel, f) : fault_sys(f, "cannot read %s", from);
    return copy_opened(w, fd, rel, up, link, f);
}

static int walk_names(struct tree *w, DIR *dir, const char *rel, const struct level *here,
                      struct fault *f)
{
    for (;;) {
        errno = 0;
        struct dirent *e = readdir(dir);
        if (!e)
            return errno ? fault_sys(f, "cannot read %s", w->root->shown) : 0;
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
            continue;
        own(str_fini) char *below = *rel ? str_print("%s/%s", rel, e->d_name) : str_new(e->d_name);
        if (copy_entry(w, dirfd(dir), e->d_name, below, here, f) < 0)
            return -1;
    }
}

/* fd stays the caller's. */
static int walk(struct tree *w, int fd, const char *rel, const struct level *up, struct fault *f)
{
    struct stat st;
    if (fstat(fd, &st) < 0)
        return fault_sys(f, "cannot read %s", w->root->shown);
    struct level here = {st.st_dev, st.st_ino, up ? up->depth + 1 : 0, up};
    if (w->dest_known && st.st_dev == w->dest_stat.st_dev && st.st_ino == w->dest_stat.st_ino)
        return fault_set(f, REASON_INVALID, false, "%s lies inside %s, which shall be copied to it",
                         w->dest, w->root->shown);
    if (here.depth > DEPTH_MAX)
        return fault_set(f, REASON_INVALID, false, "%s is nested deeper than %d directories",
                         w->root->shown, DEPTH_MAX);
    int twin = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = twin < 0 ? NULL : fdopendir(twin);
    if (!dir) {
        fault_sys(f, "cannot read %s", w->root->shown);
        if (twin >= 0)
            close(twin);
        return -1;
    }
    int rc = walk_names(w, dir, rel, &here, f);
    closedir(dir);
    return rc;
}

/* --- what a scheme lists --- */

/* A server may say what it likes; only what lies below is taken. */
static bool name_is_below(const char *name)
{
    for (;;) {
        size_t n = strcspn(name, "/");
        if (n == 0 || n > 255 || (n <= 2 && strspn(name, ".") >= n))
            return false;
        if (!name[n])
            return true;
        name += n + 1;
    }
}

static int take_entry(void *self, const struct entry *e, struct fault *f)
{
    struct tree *w = self;
    struct transfer *t = w->t;
    own(str_fini) char *plain = uri_below("", e->name);
    if (!name_is_below(e->name))
        return fault_set(f, REASON_INVALID, false,
                         "%s lists \"%s\", which cannot be a name below a directory",
                         w->root->shown, plain);
    if (e->kind == KIND_FILE)
        return give(w, e, f);
    own(str_fini) char *to = url_below(w->dest, e->name);
    return t->to->make ? t->to->make(t, to, f) : 0;
}

static int copy_all(struct tree *w, struct fault *f)
{
    struct transfer *t = w->t;
    int rc = w->root->fd < 0 ? t->from->list(t, t->item->source, take_entry, w, f)
                             : walk(w, w->root->fd, "", NULL, f);
    if (rc == 0 && pool_wait(w->pool) < 0) {
        *f = w->why;
        rc = f->reason ? -1 : fault_set(f, REASON_STOPPED, true, "stopped");
    }
    return rc;
}

int tree_copy(struct transfer *t, struct source *root, const char *dest, struct fault *f)
{
    struct tree w = {.t = t, .root = root, .dest = dest};
    struct item item = *t->item;
    const struct item *asked = t->item;
    const struct pool_owner owner = {
        .self = &w,
        .run = on_run,
        .ahead = t->from->ahead ? on_ahead : NULL,
        .progress = on_progress,
        .file = on_file,
        .warning = on_warning,
        .done = on_done,
        .jobs = item.jobs,
    };
    w.task = item.direction == DIRECTION_PUSH;
    t->total = item.size;
    item.batch = true; /* made to last below, or by who asked */
    t->item = &item;
    if (t->to->make && t->to->make(t, dest, f) < 0)
        return -1;
    if (t->to->make) {
        own(str_fini) char *path = file_path(dest, f);
        w.dest_known = path && stat(path, &w.dest_stat) == 0;
    }
    w.pool = pool_new(&owner);
    int rc = copy_all(&w, f);
    pool_free(w.pool);
    t->item = asked;
    return rc == 0 && !asked->batch && t->to->sync ? t->to->sync(dest, f) : rc;
}
