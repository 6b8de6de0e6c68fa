/* Whose turn it is: a job starts as soon as that delays no other booking of its platform. */
#ifndef JOB_TURN_H
#define JOB_TURN_H

#include "store/store.h"

/* When j may start by the bookings as they are now (s since 1970): `now`, or the next moment at
 * which there will be room, or -1 when there is none in its window. */
int turn_start(struct store *store, const struct job *j, int64_t now, int64_t *start,
               struct err *err);
/* Was it asked for in time, so that its window's close ends it no more? A later attempt was, and a
 * job that waited for its trigger: it is QUEUED because that was called. */
bool turn_in_time(const struct job *j);
/* Is there a queue behind the platform that is not ours? Then there is no need to wait for room
 * here: from the moment its window opens it may wait there. */
bool turn_is_theirs(const struct job *j);
/* Books what j holds while it is under way, from `now` on. In a transaction. */
int turn_take(struct store *store, const struct job *j, int64_t now, struct err *err);

#endif
