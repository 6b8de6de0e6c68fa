/* Where the store is, and whether that place will do. */
#ifndef STORE_PLACE_H
#define STORE_PLACE_H

#include "text/err.h"

/* The state directory: $EXECDM_STATE, else $XDG_STATE_HOME/execdm, else ~/.local/state/execdm; made
 * with mode 0700. The caller frees *dir; *network tells that it is on a network file system, whose
 * locks were tried. CODE_PERM when it belongs to somebody else, CODE_CONFIG when it cannot lock. */
int place_open(char **dir, bool *network, struct err *err);

/* Waits for one's turn among the writers, by an open lock file, bounded: CODE_TEMP after 10 s.
 * Given back by flock(lock, LOCK_UN). dir is for messages. */
int place_turn(const char *dir, int lock, struct err *err);

#endif
