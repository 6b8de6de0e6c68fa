/* The statements of the job store, for the files of this room: db.c alone knows SQLite. */
#ifndef STORE_DB_H
#define STORE_DB_H

#include "store/store.h"

/* How errors end that tell of a damaged store. */
#define DB_SAVE "; execdm-store check tells what can be saved"

/* Every statement, in one place; its text stands in db.c. */
enum sql {
    SQL_OFFER_ADD,
    SQL_OFFER_GET,
    SQL_OFFER_ACCEPTED,
    SQL_OFFER_ACCEPT,
    SQL_OFFER_RELEASE,
    SQL_OFFER_FORGET,
    SQL_BOOKING_SET,
    SQL_BOOKING_GET,
    SQL_BOOKING_DROP,
    SQL_BOOKINGS_RUNNING,
    SQL_BOOKINGS_APART,
    SQL_CHANGES_GET,
    SQL_CHANGES_SET,
    SQL_CHANGES_DROP,
    SQL_CHANGES_FROM,
    SQL_CHANGES_SUM,
    SQL_JOB_ADD,
    SQL_JOB_GET,
    SQL_JOB_FIND,
    SQL_JOB_SAVE,
    SQL_JOB_AMEND,
    SQL_JOB_WISH,
    SQL_JOB_WISHED,
    SQL_JOB_DELETE,
    SQL_JOBS,
    SQL_JOBS_LIVE,
    SQL_JOBS_WISHED,
    SQL_JOBS_LISTED,
    SQL_EVENT_ADD,
    SQL_EVENTS,
    SQL_EVENTS_AFTER,
    SQL_EVENTS_LAST,
    SQL_EVENTS_DELETE,
    SQL_BEGIN,
    SQL_END,
    SQL_INTEGRITY,
    SQL_FOREIGN_KEYS,
    SQL_JOBS_BROKEN,
    SQL_JOBS_UP,
    SQL_JOBS_DOWN,
    SQL_EVENTS_ALL,
    SQL_BOOKINGS_ALL,
    SQL_BOOKINGS_ASTRAY,
    SQL_JOBS_UNBOOKED,
    SQL_CHANGES_ALL,
    SQL_JOBS_OWNER,
    SQL_JOBS_HELD,
    SQL_DRAFTS,
    SQL_TALLY_ADD,
    SQL_TALLY_FORGET,
    SQL_TALLIES,
    SQL_USAGE_JOBS,
    SQL_USAGE_SUBJECTS,
    SQL_USAGE_FIRST,
    SQL_FIRING_ADD,
    SQL_FIRINGS,
    SQL_FIRINGS_DROP,
    SQL_CALLOUT_ADD,
    SQL_CALLOUTS_DUE,
    SQL_CALLOUTS_NEXT,
    SQL_CALLOUT_SETTLE,
    SQL_CALLOUT_ORPHAN,
    SQL_CALLOUTS_DROP,
    SQL_CALLOUTS_FAILED,
    SQL_STORAGE_OF,
    SQL_STORAGE_OVERLAP,
    SQL_STORAGE_ADD,
    SQL_STORAGE_MADE,
    SQL_STORAGE_DUE,
    SQL_STORAGE_FORGET,
    SQL_STORAGE_NEXT,
    SQL_DESTRUCTION_NEXT,
    SQL_CHORES,
    SQL_KEY_ADD,
    SQL_KEY_GET,
    SQL_KEYS_FORGET,
    SQL_LOAD,
    SQL_STRETCHES,
    SQL_COUNT,
};

/* One value of a statement. */
struct bind {
    const void *bytes; /* a text when len is 0; NULL: no value */
    size_t len;
    int64_t number;
    bool is_number;
};
#define TEXT(s) ((struct bind){.bytes = (s)})
#define BYTES(p, n) ((struct bind){.bytes = (p), .len = (n)})
#define NUMBER(n) ((struct bind){.number = (n), .is_number = true})

/* Opens the file in s->dir, made with its tables when there never was one, and brought to the
 * version of this program when it is older. CODE_CONFIG when it is newer, CODE_IO when it is
 * damaged. */
int db_open(struct store *s, struct err *err);
/* The same, but CODE_NOINPUT when there is none. */
int db_open_as_is(struct store *s, struct err *err);
/* Which version that is. */
int db_version(void);
/* Brings the store to version n, in one transaction: list[i] is the SQL that makes version i + 1 of
 * version i. */
int db_migrate(struct store *s, const char *const list[], int n, struct err *err);
/* Writes a consistent copy to a new file, while others write to the store. */
int db_copy(struct store *s, const char *path, struct err *err);
void db_close(struct store *s);

/* Runs a statement that answers no rows; returns how many it changed, or -1. */
int db_run(struct store *s, enum sql which, const struct bind *values, size_t n, struct err *err);

/* A statement that answers rows: `own(db_done) struct sqlite3_stmt *rows = NULL;`, db_ask, and
 * db_next until it is 0; -1 is an error. Each is prepared once, so none is asked again before it is
 * done. Columns count from 0; what they point to lasts until the next row. */
int db_ask(struct store *s, enum sql which, const struct bind *values, size_t n,
           struct sqlite3_stmt **rows, struct err *err);
int db_next(struct store *s, struct sqlite3_stmt *rows, struct err *err);
int64_t db_int(struct sqlite3_stmt *rows, int column);
const char *db_text(struct sqlite3_stmt *rows, int column);
const void *db_bytes(struct sqlite3_stmt *rows, int column, size_t *len);
/* A document, a new reference. */
int db_doc(struct sqlite3_stmt *rows, int column, json_t **doc, struct err *err);
void db_done(struct sqlite3_stmt **rows);

#endif
