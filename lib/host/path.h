/* Paths handled safely: made, replaced whole, opened beneath a directory, removed. */
#ifndef HOST_PATH_H
#define HOST_PATH_H

#include <sys/stat.h>
#include "text/err.h"

static inline void fd_fini(int *fd) /* own(fd_fini) int fd = -1; */
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}
/* All from this one on are closed when another program is begun. */
void fd_keep_none(int from);
/* All of it, however many writes that takes; -1 with errno. */
int fd_write(int fd, const void *bytes, size_t len);

/* $EXECDM_STATE, else $XDG_STATE_HOME/execdm, else ~/.local/state/execdm, whether or not it is
 * there; NULL where there is no home. The caller frees. */
char *path_state(void);
/* Makes a directory and its parents; one that is there already is success. */
int path_mkdirs(const char *path, mode_t mode, struct err *err);
/* Makes the parents of a file. */
int path_mkparents(const char *path, mode_t mode, struct err *err);
/* Replaces a file whole: temporary name, fsync, rename, fsync of the directory. */
int path_write(const char *path, const void *bytes, size_t len, mode_t mode, struct err *err);
/* fsync of the directory that holds `path`. */
int path_sync_parent(const char *path, struct err *err);
/* Opens `name` below the directory dirfd, never outside of it: links that lead out, `..` and magic
 * links fail with EXDEV or ELOOP. Returns the descriptor or -1 with errno. */
int path_open_beneath(int dirfd, const char *name, int flags);
/* The same, but any link on the way fails with ELOOP: for what others left behind. */
int path_open_plain(int dirfd, const char *name, int flags);
/* Removes a file or a whole tree, however deep, without following links; absent is success.
 * Directories without write permission inside the tree are opened up first. */
int path_remove(const char *path, struct err *err);
/* Gives everything below `path` (and it) to uid:gid, links themselves and not what they name, and
 * the owner the right to read and write it; setuid and setgid bits go. Nobody else may be at work
 * in the tree. */
int path_own_tree(const char *path, uid_t uid, gid_t gid, struct err *err);
bool path_exists(const char *path); /* follows links */

#endif
