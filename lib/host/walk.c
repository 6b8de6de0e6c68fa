#include "host/walk.h"
#include <fcntl.h>
#include "host/path.h"

/* A directory we are in: what it is, so that `..` leads back to it and nowhere else, and those in
 * it that are still to be gone through, the next one last. */
struct walk_level {
    dev_t dev;
    ino_t ino;
    struct strs below;
};

static void strs_drop(struct strs *s)
{
    str_fini(&s->list[--s->n]);
}

/* Takes the descriptor, which may be -1. */
static int go_down(struct walk *w, int fd)
{
    own(fd_fini) int opened = fd;
    struct stat st;
    if (opened < 0 || fstat(opened, &st) < 0)
        return -1;
    const int twin = fcntl(opened, F_DUPFD_CLOEXEC, 3);
    DIR *entries = twin < 0 ? NULL : fdopendir(twin);
    if (!entries) {
        if (twin >= 0)
            close(twin);
        return -1;
    }
    w->levels = mem_grow(w->levels, w->depth + 1, sizeof(*w->levels));
    w->levels[w->depth++] = (struct walk_level){.dev = st.st_dev, .ino = st.st_ino};
    w->entries = entries;
    fd_fini(&w->fd);
    w->fd = opened;
    opened = -1;
    return 0;
}

static int go_up(struct walk *w)
{
    struct stat st;
    const struct walk_level *above = &w->levels[w->depth - 2];
    own(fd_fini) int fd = openat(w->fd, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) < 0)
        return -1;
    if (st.st_dev != above->dev || st.st_ino != above->ino) {
        errno = ESTALE;
        return -1;
    }
    strs_fini(&w->levels[--w->depth].below);
    fd_fini(&w->fd);
    w->fd = fd;
    fd = -1;
    return 0;
}

static int open_directory(int dirfd, const char *name)
{
    return openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

int walk_open(struct walk *w, const char *path)
{
    *w = (struct walk){.fd = -1};
    return go_down(w, open_directory(AT_FDCWD, path));
}

static bool find_entry(struct walk *w)
{
    const struct dirent *e;
    while (w->entries && (e = readdir(w->entries)))
        if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0) {
            w->name = e->d_name;
            return true;
        }
    if (w->entries)
        closedir(w->entries);
    w->entries = NULL;
    return false;
}

enum walk_found walk_next(struct walk *w)
{
    if (w->left) {
        strs_drop(&w->levels[w->depth - 1].below);
        w->left = false;
    }
    for (;;) {
        if (w->depth == 0)
            return WALK_END;
        if (find_entry(w))
            return WALK_ENTRY;
        struct strs *below = &w->levels[w->depth - 1].below;
        if (below->n == 0)
            break;
        if (go_down(w, open_directory(w->fd, below->list[below->n - 1])) < 0) {
            const int errnum = errno;
            strs_drop(below);
            errno = errnum;
            if (errnum != ENOENT) /* it went meanwhile */
                return WALK_FAILED;
        }
    }
    if (w->depth == 1)
        return WALK_END;
    if (go_up(w) < 0) {
        const int errnum = errno;
        walk_fini(w);
        errno = errnum;
        return WALK_FAILED;
    }
    const struct strs *below = &w->levels[w->depth - 1].below;
    w->name = below->list[below->n - 1];
    w->left = true;
    return WALK_LEFT;
}

void walk_into(struct walk *w)
{
    strs_add(&w->levels[w->depth - 1].below, w->name);
}

void walk_fini(struct walk *w)
{
    while (w->depth)
        strs_fini(&w->levels[--w->depth].below);
    free(w->levels);
    w->levels = NULL;
    if (w->entries)
        closedir(w->entries);
    w->entries = NULL;
    fd_fini(&w->fd);
}
