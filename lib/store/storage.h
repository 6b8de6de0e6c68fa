/* The durable list of places that the service makes for jobs: written before a place is made and
 * forgotten after it was removed, so that whoever comes after a crash knows of it. */
#ifndef STORE_STORAGE_H
#define STORE_STORAGE_H

#include "store/store.h"

struct storage_row {
    char job[UUID_TEXT];
    char *name, *url;
    char *sealed;  /* the URL with its password (seal.h), NULL when it has none */
    char *owner;   /* of the job, whose credentials open it */
    bool single;   /* one file, which comes to be when it is stored; else a directory */
    bool made;     /* false: it may have been, and nobody lived to say so */
    char *keep;    /* how long after the job's end, a duration */
    int64_t due;   /* ms since 1970, when it is to be removed; 0: the job has not ended */
    int64_t tries; /* to remove it, that failed */
};
struct storage_rows {
    struct storage_row *list;
    size_t n;
};
void storage_rows_fini(struct storage_rows *rows);

/* The places of a job. */
int storage_of(struct store *s, const char *job, struct storage_rows *rows, struct err *err);

/* Sets the row's URL, and seals it when there is a password in it: the job may be deleted before
 * its place. */
int storage_hide(struct store *s, struct storage_row *row, const char *url, struct err *err);
/* And the whole of it, to go there. The caller frees. */
char *storage_url(struct store *s, const struct storage_row *row, struct err *err);

/* The following stand between store_begin and store_commit. */

/* Notes a place that is going to be made. CODE_CONFLICT when it is, lies in or holds one that was
 * noted before: to remove the one would be to remove the other. */
int storage_note(struct store *s, const struct storage_row *row, struct err *err);
int storage_made(struct store *s, const struct storage_row *row, struct err *err);
/* The job has ended, at `now` (ms). What it made is due after what was promised; of a job that
 * never started, at once. */
int storage_end(struct store *s, const struct job *j, int64_t now, struct err *err);
/* It could not be removed: again at `due`. */
int storage_later(struct store *s, const struct storage_row *row, int64_t due, struct err *err);
/* It is removed, or was never ours. */
int storage_forget(struct store *s, const struct storage_row *row, struct err *err);

/* Jobs with a place that is due, or a destruction, by `now` (ms); *next is when there is the next
 * one of either, INT64_MAX when never. */
int storage_due(struct store *s, int64_t now, struct strs *jobs, int64_t *next, struct err *err);

#endif
