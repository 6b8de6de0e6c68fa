/* Everything below a directory, walked by descriptors: the names in it may have been chosen by a
 * task that wishes us no good, so no path is ever put together and opened (decisions, Outputs). */
#include "stager.h"
#include <dirent.h>
#include <fcntl.h>
#include "host/path.h"

#define DEPTH_MAX 200 /* each level holds a descriptor; RLIMIT_NOFILE is 1024 by habit */

struct tree {
    struct transfer *t;
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
    if (walk(w, fd, rel, up, f) < 0)
        return -1;
    return t->to->sync ? t->to->sync(url, f) : 0;
}

/* Takes the descriptor. */
static int copy_opened(struct tree *w, int fd, const char *rel, const struct level *up, bool link,
                       struct fault *f)
{
    own(str_fini) char *from = url_below(w->root->shown, rel);
    own(str_fini) char *to = url_below(w->dest, rel);
    own(source_close) struct source *src = file_source(fd, from, NULL);
    int flags = fcntl(fd, F_GETFL);
    fcntl(fd, F_SETFL, flags & ~O_NONBLOCK);
    if (src->kind == KIND_DIRECTORY)
        return enter(w, fd, rel, up, link, f);
    if (src->kind == KIND_FILE)
        return transfer_file(w->t, src, rel, to, false, f);
    struct stat st = {0};
    fstat(fd, &st);
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
    own(source_close) struct source *src = NULL;
    if (!name_is_below(e->name))
        return fault_set(f, REASON_INVALID, false,
                         "%s lists a name that cannot be one below a directory", w->root->shown);
    own(str_fini) char *from = e->url ? str_new(e->url) : url_below(t->item->source, e->name);
    own(str_fini) char *to = url_below(w->dest, e->name);
    if (e->kind == KIND_DIRECTORY)
        return t->to->make ? t->to->make(t, to, f) : 0;
    if (t->from->open(t, from, &src, f) < 0)
        return -1;
    return transfer_file(t, src, e->name, to, false, f);
}

int tree_copy(struct transfer *t, struct source *root, const char *dest, struct fault *f)
{
    struct tree w = {.t = t, .root = root, .dest = dest};
    w.task = t->item->direction == DIRECTION_PUSH;
    if (t->to->make) {
        if (t->to->make(t, dest, f) < 0)
            return -1;
        own(str_fini) char *path = file_path(dest, f);
        w.dest_known = path && stat(path, &w.dest_stat) == 0;
    }
    t->total = t->item->size;
    int rc = root->fd < 0 ? t->from->list(t, t->item->source, take_entry, &w, f)
                          : walk(&w, root->fd, "", NULL, f);
    if (rc < 0)
        return -1;
    return t->to->sync ? t->to->sync(dest, f) : 0;
}
