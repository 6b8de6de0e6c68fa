/* What a worker knows of the jobs it looks after: when each is due next, and how its backend is
 * asked. In memory only: the store is the truth, and its event log tells what to look at again. */
#ifndef JOB_ROSTER_H
#define JOB_ROSTER_H

#include "store/store.h"

struct entry {
    char id[UUID_TEXT];
    int64_t due;  /* ms of real time; 0: it is looked at anew */
    bool away;    /* a process of ours steps it (crew.h) */
    bool waits;   /* for such a process */
    int troubles; /* in a row */
    enum phase phase;
    int attempt;
    /* QUEUED: what it waits for, and when it will be its turn at the latest */
    char *platform;
    struct room need;
    int64_t length, turn;
    /* EXECUTING: how its driver is asked (driver.h), and what inotify calls its directory */
    char *driver;
    json_t *options, *line;
    int watch;
    int silences; /* in a row: its backend did not answer */
};

struct roster {
    struct entry *list; /* by id: the oldest first */
    size_t n;
    bool all;     /* every live job here, not only those it was begun with */
    int64_t seen; /* the last event that was looked at */
};

/* Begins with those of the ids, or with all live jobs when ids is NULL. For roster_fini. */
int roster_begin(struct roster *r, struct store *store, const struct strs *ids, struct err *err);
/* What happened since, by whomever: jobs that went on elsewhere, were asked something or came new
 * are due, and who waits for room when some was given back. */
int roster_refresh(struct roster *r, struct store *store, struct err *err);
/* What is worth knowing of a job as it is now. line is taken, or NULL. */
void entry_note(struct entry *e, const struct job *j, json_t *line);
/* NULL when it is not there. */
struct entry *roster_find(struct roster *r, const char *id);
void roster_remove(struct roster *r, struct entry *e);
void roster_fini(struct roster *r);

#endif
