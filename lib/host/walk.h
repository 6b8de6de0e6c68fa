/* Goes through a tree that others made, which may be deeper than we may have open files, or the
 * stack has room: it has two open at a time, and a word of each level on the way down. No link is
 * followed, and where somebody moves a directory we are in, it ends rather than lead out. */
#ifndef HOST_WALK_H
#define HOST_WALK_H

#include <dirent.h>
#include <sys/stat.h>
#include "text/buf.h"

struct walk_level;

/* {.fd = -1} is none. */
struct walk {
    int fd;           /* the directory we are in */
    const char *name; /* what was found in it; until the next call */
    DIR *entries;
    struct walk_level *levels;
    size_t depth;
    bool left; /* name has just been gone through */
};

/* 0, or -1 with errno: `path` is no directory that can be read. */
int walk_open(struct walk *w, const char *path);
/* WALK_LEFT is said after a directory was gone through. WALK_FAILED, with errno: it was not, which
 * is no reason not to go on. */
enum walk_found { WALK_END, WALK_ENTRY, WALK_LEFT, WALK_FAILED };
enum walk_found walk_next(struct walk *w);
/* The entry just found is a directory to go through, after the entries beside it. */
void walk_into(struct walk *w);
void walk_fini(struct walk *w);

#endif
