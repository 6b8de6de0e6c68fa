#include <fcntl.h>
#include <sqlite3.h>
#include <sys/file.h>
#include "host/path.h"
#include "store/place.h"
#include "store/store.h"
#include "text/buf.h"
#include "text/doc.h"
#include "text/write.h"

#define VERSION 1
#define PART_MIN 6    /* letters of an id */
#define BUSY_MS 10000 /* SQLite's own patience, with readers that are just closing */

/* Every statement, in one place. */
enum sql {
    SQL_OFFER_ADD,
    SQL_OFFER_GET,
    SQL_OFFER_ACCEPTED,
    SQL_OFFER_ACCEPT,
    SQL_OFFER_RELEASE,
    SQL_OFFER_FORGET,
    SQL_BOOKING_SET,
    SQL_BOOKING_DROP,
    SQL_BOOKINGS,
    SQL_JOB_ADD,
    SQL_JOB_GET,
    SQL_JOB_FIND,
    SQL_JOB_SAVE,
    SQL_JOB_WISH,
    SQL_JOB_WISHED,
    SQL_JOB_DELETE,
    SQL_JOBS,
    SQL_JOBS_LIVE,
    SQL_EVENT_ADD,
    SQL_EVENTS,
    SQL_EVENTS_DELETE,
};

static const char *const sql[] = {
    [SQL_OFFER_ADD] = "INSERT INTO offers(id,answer,platform,state,created,expires,doc) "
                      "VALUES(?1,?2,?3,'open',?4,?5,?6)",
    [SQL_OFFER_GET] = "SELECT id,answer,platform,state,expires,doc FROM offers WHERE id=?1",
    [SQL_OFFER_ACCEPTED] = "SELECT id FROM offers WHERE answer=?1 AND state='accepted'",
    [SQL_OFFER_ACCEPT] = "UPDATE offers SET state='accepted' WHERE id=?1",
    [SQL_OFFER_RELEASE] = "UPDATE offers SET state='released' WHERE answer=?1 AND id<>?2",
    /* an offer nobody took is of no use a day after it expired */
    [SQL_OFFER_FORGET] = "DELETE FROM offers WHERE state<>'accepted' AND expires<?1",
    [SQL_BOOKING_SET] = "INSERT OR REPLACE INTO bookings"
                        "(job,platform,start,end,latest,cores,memory,parts) "
                        "VALUES(?1,?2,?3,?4,?5,?6,?7,?8)",
    [SQL_BOOKING_DROP] = "DELETE FROM bookings WHERE job=?1",
    /* A job under way has its room until it has ended, however late it is; one that was not started
     * in its window will never be. */
    [SQL_BOOKINGS] = "SELECT job,start,max(end,?2+1),latest,cores,memory,parts FROM bookings "
                     "WHERE platform=?1 AND (latest=0 OR (end>?2 AND latest>=?2)) "
                     "ORDER BY start,job",
    [SQL_JOB_ADD] = "INSERT INTO jobs(id,phase,attempt,name,owner,platform,driver,wish,created,"
                    "started,ended,destruction,live,doc) "
                    "VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,?14)",
    [SQL_JOB_GET] = "SELECT id,phase,attempt,name,owner,platform,driver,wish,created,started,ended,"
                    "destruction,doc FROM jobs WHERE id=?1",
    [SQL_JOB_FIND] = "SELECT id FROM jobs WHERE (id>=?1 AND id<?2) OR substr(id,-length(?1))=?1 "
                     "LIMIT 2",
    /* the wish is the owner's: it goes only when the job has ended */
    [SQL_JOB_SAVE] = "UPDATE jobs SET phase=?2,attempt=?3,started=?4,ended=?5,destruction=?6,"
                     "live=?7,doc=?8,wish=CASE WHEN ?7 THEN wish END "
                     "WHERE id=?1 AND phase=?9 AND attempt<=?3",
    [SQL_JOB_WISH] = "UPDATE jobs SET wish=?2 WHERE id=?1",
    [SQL_JOB_WISHED] = "SELECT wish FROM jobs WHERE id=?1",
    [SQL_JOB_DELETE] = "DELETE FROM jobs WHERE id=?1",
    [SQL_JOBS] = "SELECT id FROM jobs ORDER BY id DESC",
    [SQL_JOBS_LIVE] = "SELECT id FROM jobs WHERE live=1 AND driver<>'" JOB_REMOTE "' "
                      "ORDER BY id DESC",
    [SQL_EVENT_ADD] = "INSERT INTO events(job,time,phase,event,by,why) VALUES(?1,?2,?3,?4,?5,?6)",
    [SQL_EVENTS] = "SELECT time,phase,by,why FROM events WHERE job=?1 ORDER BY seq",
    [SQL_EVENTS_DELETE] = "DELETE FROM events WHERE job=?1",
};

static const char schema[] =
    "CREATE TABLE offers(id TEXT PRIMARY KEY, answer TEXT NOT NULL, platform TEXT NOT NULL,"
    " state TEXT NOT NULL, created INTEGER NOT NULL, expires INTEGER NOT NULL,"
    " doc TEXT NOT NULL) WITHOUT ROWID;"
    "CREATE INDEX offers_answer ON offers(answer);"
    "CREATE INDEX offers_expires ON offers(expires) WHERE state<>'accepted';"
    "CREATE TABLE jobs(id TEXT PRIMARY KEY, phase TEXT NOT NULL, attempt INTEGER NOT NULL,"
    " name TEXT, owner TEXT, platform TEXT NOT NULL, driver TEXT NOT NULL, wish TEXT,"
    " created INTEGER NOT NULL, started INTEGER NOT NULL, ended INTEGER NOT NULL,"
    " destruction INTEGER NOT NULL, live INTEGER NOT NULL, doc TEXT NOT NULL) WITHOUT ROWID;"
    "CREATE INDEX jobs_live ON jobs(id) WHERE live=1;"
    "CREATE TABLE events(seq INTEGER PRIMARY KEY AUTOINCREMENT, job TEXT NOT NULL,"
    " time INTEGER NOT NULL, phase TEXT NOT NULL, event TEXT NOT NULL, by TEXT NOT NULL, why TEXT);"
    "CREATE INDEX events_job ON events(job);"
    "CREATE TABLE bookings(job TEXT PRIMARY KEY, platform TEXT NOT NULL, start INTEGER NOT NULL,"
    " end INTEGER NOT NULL, latest INTEGER NOT NULL, cores INTEGER NOT NULL, memory INTEGER NOT "
    "NULL, parts TEXT) WITHOUT ROWID;"
    "CREATE INDEX bookings_platform ON bookings(platform,end);"
    "PRAGMA user_version=1;";

static int err_db(struct err *err, struct store *s, const char *doing)
{
    int rc = sqlite3_errcode(s->db) & 0xff;
    enum code code = rc == SQLITE_FULL || rc == SQLITE_IOERR ? CODE_IO
                     : rc == SQLITE_BUSY                     ? CODE_TEMP
                     : rc == SQLITE_READONLY || rc == SQLITE_CANTOPEN || rc == SQLITE_PERM
                         ? CODE_PERM
                         : CODE_OS;
    err_set(err, code, "job store: %s: %s", doing, sqlite3_errmsg(s->db));
    snprintf(err->where, sizeof(err->where), "%s/execdm.db", s->dir);
    return -1;
}

static void stmt_fini(sqlite3_stmt **stmt)
{
    sqlite3_finalize(*stmt);
}

/* One value of a statement. */
struct bind {
    const char *text;
    int64_t number;
    bool is_number;
};
#define TEXT(s) ((struct bind){.text = (s)})
#define NUMBER(n) ((struct bind){.number = (n), .is_number = true})

static int prepare(struct store *s, enum sql which, const struct bind *values, size_t n,
                   sqlite3_stmt **stmt, struct err *err)
{
    if (sqlite3_prepare_v2(s->db, sql[which], -1, stmt, NULL) != SQLITE_OK)
        return err_db(err, s, "prepare");
    for (size_t i = 0; i < n; i++) {
        if (values[i].is_number)
            sqlite3_bind_int64(*stmt, (int)i + 1, values[i].number);
        else
            sqlite3_bind_text(*stmt, (int)i + 1, values[i].text, -1, SQLITE_TRANSIENT);
    }
    return 0;
}

/* Runs a statement that answers no rows; returns how many rows it changed. */
static int execute(struct store *s, enum sql which, const struct bind *values, size_t n,
                   struct err *err)
{
    own(stmt_fini) sqlite3_stmt *stmt = NULL;
    if (prepare(s, which, values, n, &stmt, err) < 0)
        return -1;
    if (sqlite3_step(stmt) != SQLITE_DONE)
        return err_db(err, s, "write");
    return sqlite3_changes(s->db);
}

static const char *text_at(sqlite3_stmt *stmt, int column)
{
    return (const char *)sqlite3_column_text(stmt, column);
}

static int doc_at(sqlite3_stmt *stmt, int column, json_t **doc, struct err *err)
{
    const char *text = text_at(stmt, column);
    *doc = json_loads(text ? text : "", JSON_REJECT_DUPLICATES, NULL);
    return *doc ? 0 : err_set(err, CODE_BUG, "job store: a row holds no document");
}

static int run_sql(struct store *s, const char *text, struct err *err)
{
    if (sqlite3_exec(s->db, text, NULL, NULL, NULL) != SQLITE_OK)
        return err_db(err, s, text);
    return 0;
}

static int user_version(struct store *s)
{
    own(stmt_fini) sqlite3_stmt *stmt = NULL;
    if (sqlite3_prepare_v2(s->db, "PRAGMA user_version", -1, &stmt, NULL) != SQLITE_OK ||
        sqlite3_step(stmt) != SQLITE_ROW)
        return -1;
    return sqlite3_column_int(stmt, 0);
}

/* The journal's kind stays with the file; changing it needs everybody else to keep out. */
static int create_tables(struct store *s, struct err *err)
{
    const char *journal = s->network ? "PRAGMA journal_mode=DELETE" : "PRAGMA journal_mode=WAL";
    if (place_turn(s->dir, s->lock, err) < 0)
        return -1;
    int rc = user_version(s) == 0 ? run_sql(s, journal, err) : 0;
    flock(s->lock, LOCK_UN);
    if (rc < 0 || store_begin(s, true, err) < 0)
        return -1;
    if (user_version(s) == 0 && run_sql(s, schema, err) < 0) {
        store_rollback(s);
        return -1;
    }
    return store_commit(s, err);
}

static int open_database(struct store *s, struct err *err)
{
    own(str_fini) char *path = str_print("%s/execdm.db", s->dir);
    const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOFOLLOW;
    mode_t mask = umask(077);
    int rc = sqlite3_open_v2(path, &s->db, flags, NULL);
    umask(mask);
    if (rc != SQLITE_OK)
        return err_db(err, s, "open");
    sqlite3_busy_timeout(s->db, BUSY_MS);
    int version = user_version(s);
    if (version < 0)
        return err_db(err, s, "open");
    if (version > VERSION)
        return err_set(err, CODE_CONFIG, "the job store %s was written by a newer execdm", path);
    return version == VERSION ? 0 : create_tables(s, err);
}

static int open_parts(struct store *s, struct err *err)
{
    if (place_open(&s->dir, &s->network, err) < 0)
        return -1;
    own(str_fini) char *lock = str_print("%s/lock", s->dir);
    s->lock = open(lock, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (s->lock < 0)
        return err_sys(err, "cannot open %s", lock);
    return open_database(s, err);
}

int store_open(struct store *s, struct err *err)
{
    *s = (struct store){.lock = -1};
    if (open_parts(s, err) == 0)
        return 0;
    store_close(s);
    return -1;
}

void store_close(struct store *s)
{
    if (s->db)
        sqlite3_close(s->db);
    fd_fini(&s->lock);
    free(s->dir);
    *s = (struct store){.lock = -1};
}

char *store_job_path(const struct store *s, const char *id, const char *name)
{
    return str_print("%s/jobs/%s%s%s", s->dir, id, name ? "/" : "", name ? name : "");
}

const char *store_wake_name(void)
{
    return "wake";
}

int store_begin(struct store *s, bool durable, struct err *err)
{
    if (place_turn(s->dir, s->lock, err) < 0)
        return -1;
    const char *sync = !durable     ? "PRAGMA synchronous=NORMAL"
                       : s->network ? "PRAGMA synchronous=EXTRA" /* the journal's name, too */
                                    : "PRAGMA synchronous=FULL";
    if (run_sql(s, sync, err) < 0 || run_sql(s, "BEGIN IMMEDIATE", err) < 0) {
        flock(s->lock, LOCK_UN);
        return -1;
    }
    return 0;
}

static void wake_waiters(const struct store *s)
{
    own(str_fini) char *path = str_print("%s/%s", s->dir, store_wake_name());
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    if (fd >= 0)
        close(fd); /* IN_CLOSE_WRITE */
}

int store_commit(struct store *s, struct err *err)
{
    if (run_sql(s, "COMMIT", err) < 0) {
        store_rollback(s);
        return -1;
    }
    flock(s->lock, LOCK_UN);
    wake_waiters(s);
    return 0;
}

void store_rollback(struct store *s)
{
    sqlite3_exec(s->db, "ROLLBACK", NULL, NULL, NULL);
    flock(s->lock, LOCK_UN);
}

void offer_row_fini(struct offer_row *o)
{
    free(o->platform);
    json_decref(o->doc);
    *o = (struct offer_row){0};
}

int store_offer_add(struct store *s, const struct offer_row *o, int64_t now, struct err *err)
{
    own(str_fini) char *doc = write_string(o->doc);
    const struct bind old[] = {NUMBER(now - 86400000)};
    const struct bind values[] = {TEXT(o->id), TEXT(o->answer),    TEXT(o->platform),
                                  NUMBER(now), NUMBER(o->expires), TEXT(doc)};
    if (execute(s, SQL_OFFER_FORGET, old, COUNT(old), err) < 0)
        return -1;
    return execute(s, SQL_OFFER_ADD, values, COUNT(values), err) < 0 ? -1 : 0;
}

int store_offer_get(struct store *s, const char *id, struct offer_row *o, struct err *err)
{
    own(stmt_fini) sqlite3_stmt *stmt = NULL;
    const struct bind values[] = {TEXT(id)};
    if (prepare(s, SQL_OFFER_GET, values, COUNT(values), &stmt, err) < 0)
        return -1;
    int rc = sqlite3_step(stmt);
    if (rc == SQLITE_DONE)
        return err_set(err, CODE_NOINPUT,
                       "there is no offer %s in this store; ask again with "
                       "execdm-plan",
                       id);
    if (rc != SQLITE_ROW)
        return err_db(err, s, "read");
    struct offer_row row = {.platform = str_new(text_at(stmt, 2)),
                            .expires = sqlite3_column_int64(stmt, 4)};
    snprintf(row.id, sizeof(row.id), "%s", text_at(stmt, 0));
    snprintf(row.answer, sizeof(row.answer), "%s", text_at(stmt, 1));
    if (doc_at(stmt, 5, &row.doc, err) < 0) {
        offer_row_fini(&row);
        return -1;
    }
    *o = row;
    return 0;
}

int store_offer_accepted(struct store *s, const char *answer, char id[UUID_TEXT], struct err *err)
{
    own(stmt_fini) sqlite3_stmt *stmt = NULL;
    const struct bind values[] = {TEXT(answer)};
    if (prepare(s, SQL_OFFER_ACCEPTED, values, COUNT(values), &stmt, err) < 0)
        return -1;
    int rc = sqlite3_step(stmt);
    if (rc == SQLITE_DONE)
        return 0;
    if (rc != SQLITE_ROW)
        return err_db(err, s, "read");
    snprintf(id, UUID_TEXT, "%s", text_at(stmt, 0));
    return 1;
}

int store_offer_accept(struct store *s, const struct offer_row *o, struct err *err)
{
    const struct bind one[] = {TEXT(o->id)};
    const struct bind others[] = {TEXT(o->answer), TEXT(o->id)};
    if (execute(s, SQL_OFFER_ACCEPT, one, COUNT(one), err) < 0 ||
        execute(s, SQL_OFFER_RELEASE, others, COUNT(others), err) < 0)
        return -1;
    return 0;
}

int store_booking_set(struct store *s, const char *platform, const struct booking *b,
                      struct err *err)
{
    own(str_fini) char *parts = b->room.parts ? write_string(b->room.parts) : NULL;
    const struct bind values[] = {TEXT(b->job),           TEXT(platform),    NUMBER(b->start),
                                  NUMBER(b->end),         NUMBER(b->latest), NUMBER(b->room.cores),
                                  NUMBER(b->room.memory), TEXT(parts)};
    return execute(s, SQL_BOOKING_SET, values, COUNT(values), err) < 0 ? -1 : 0;
}

int store_booking_drop(struct store *s, const char *job, struct err *err)
{
    const struct bind values[] = {TEXT(job)};
    return execute(s, SQL_BOOKING_DROP, values, COUNT(values), err) < 0 ? -1 : 0;
}

int store_bookings(struct store *s, const char *platform, int64_t now, struct booking **list,
                   size_t *n, struct err *err)
{
    own(stmt_fini) sqlite3_stmt *stmt = NULL;
    const struct bind values[] = {TEXT(platform), NUMBER(now)};
    struct booking *rows = NULL;
    size_t count = 0, room = 0;
    if (prepare(s, SQL_BOOKINGS, values, COUNT(values), &stmt, err) < 0)
        return -1;
    int rc;
    while ((rc = sqlite3_step(stmt)) == SQLITE_ROW) {
        if (count == room) {
            room = room ? room * 2 : 16;
            rows = mem_grow(rows, room, sizeof(*rows));
        }
        struct booking *b = &rows[count++];
        snprintf(b->job, sizeof(b->job), "%s", text_at(stmt, 0));
        b->start = sqlite3_column_int64(stmt, 1);
        b->end = sqlite3_column_int64(stmt, 2);
        b->latest = sqlite3_column_int64(stmt, 3);
        b->room = (struct room){sqlite3_column_int64(stmt, 4), sqlite3_column_int64(stmt, 5), NULL};
        if (text_at(stmt, 6))
            doc_at(stmt, 6, &b->room.parts, err);
    }
    if (rc != SQLITE_DONE) {
        free(rows);
        return err_db(err, s, "read");
    }
    *list = rows;
    *n = count;
    return 0;
}

static int add_event(struct store *s, const struct job *j, const char *event, int64_t now,
                     const char *by, const char *why, struct err *err)
{
    const struct bind values[] = {TEXT(j->id), NUMBER(now), TEXT(phase_name(j->phase)),
                                  TEXT(event), TEXT(by),    TEXT(why)};
    return execute(s, SQL_EVENT_ADD, values, COUNT(values), err) < 0 ? -1 : 0;
}

int store_job_add(struct store *s, const struct job *j, const char *by, const char *why,
                  struct err *err)
{
    own(str_fini) char *doc = write_string(j->doc);
    const struct bind values[] = {
        TEXT(j->id),
        TEXT(phase_name(j->phase)),
        NUMBER(j->attempt),
        TEXT(j->name),
        TEXT(j->owner),
        TEXT(j->platform),
        TEXT(j->driver),
        TEXT(j->wish),
        NUMBER(j->created),
        NUMBER(j->started),
        NUMBER(j->ended),
        NUMBER(j->destruction),
        NUMBER(!phase_terminal(j->phase)),
        TEXT(doc),
    };
    if (execute(s, SQL_JOB_ADD, values, COUNT(values), err) < 0)
        return -1;
    return add_event(s, j, "accept", j->created, by, why, err);
}

/* The whole id for a beginning or, as ids of one minute begin alike, an end of it. */
static int find_job(struct store *s, const char *part, char id[UUID_TEXT], struct err *err)
{
    own(stmt_fini) sqlite3_stmt *stmt = NULL;
    own(str_fini) char *end = str_print("%s~", part);
    const struct bind values[] = {TEXT(part), TEXT(end)};
    if (strlen(part) < PART_MIN)
        return err_set(err, CODE_NOINPUT,
                       "\"%s\" is no job; give its id, or %d letters of its "
                       "beginning or its end",
                       part, PART_MIN);
    if (prepare(s, SQL_JOB_FIND, values, COUNT(values), &stmt, err) < 0)
        return -1;
    int rc = sqlite3_step(stmt);
    if (rc == SQLITE_DONE)
        return err_set(err, CODE_NOINPUT, "there is no job %s; execdm-status --list shows all",
                       part);
    if (rc != SQLITE_ROW)
        return err_db(err, s, "read");
    snprintf(id, UUID_TEXT, "%s", text_at(stmt, 0));
    if (sqlite3_step(stmt) == SQLITE_ROW)
        return err_set(err, CODE_NOINPUT,
                       "several jobs match %s; give more of the id, its end is "
                       "what differs",
                       part);
    return 0;
}

int store_job_get(struct store *s, const char *id, struct job *j, struct err *err)
{
    char whole[UUID_TEXT];
    own(stmt_fini) sqlite3_stmt *stmt = NULL;
    if (!uuid_valid(id)) {
        if (find_job(s, id, whole, err) < 0)
            return -1;
        id = whole;
    }
    const struct bind values[] = {TEXT(id)};
    if (prepare(s, SQL_JOB_GET, values, COUNT(values), &stmt, err) < 0)
        return -1;
    int rc = sqlite3_step(stmt);
    if (rc == SQLITE_DONE)
        return err_set(err, CODE_NOINPUT, "there is no job %s; execdm-status --list shows all", id);
    if (rc != SQLITE_ROW)
        return err_db(err, s, "read");
    struct job row = {
        .attempt = sqlite3_column_int(stmt, 2),
        .created = sqlite3_column_int64(stmt, 8),
        .started = sqlite3_column_int64(stmt, 9),
        .ended = sqlite3_column_int64(stmt, 10),
        .destruction = sqlite3_column_int64(stmt, 11),
    };
    snprintf(row.id, sizeof(row.id), "%s", text_at(stmt, 0));
    if (phase_parse(text_at(stmt, 1), &row.phase) < 0)
        return err_set(err, CODE_BUG, "job store: job %s has no known phase", id);
    if (doc_at(stmt, 12, &row.doc, err) < 0)
        return -1;
    row.name = str_new(text_at(stmt, 3));
    row.owner = str_new(text_at(stmt, 4));
    row.platform = str_new(text_at(stmt, 5));
    row.driver = str_new(text_at(stmt, 6));
    row.wish = str_new(text_at(stmt, 7));
    *j = row;
    return 0;
}

/* Writes the row if it still is in phase `before`. */
static int save_job(struct store *s, const struct job *j, enum phase before, struct err *err)
{
    own(str_fini) char *doc = write_string(j->doc);
    const struct bind values[] = {
        TEXT(j->id),
        TEXT(phase_name(j->phase)),
        NUMBER(j->attempt),
        NUMBER(j->started),
        NUMBER(j->ended),
        NUMBER(j->destruction),
        NUMBER(!phase_terminal(j->phase)),
        TEXT(doc),
        TEXT(phase_name(before)),
    };
    return execute(s, SQL_JOB_SAVE, values, COUNT(values), err);
}

int store_job_step(struct store *s, struct job *j, enum phase_event event, unsigned who,
                   int64_t now, const char *by, const char *why, struct err *err)
{
    enum phase before = j->phase;
    int to = phase_step(before, event, who);
    if (to < 0)
        return err_set(err, CODE_CONFLICT, "job %s is %s, where it cannot %s", j->id,
                       phase_name(before), phase_event_name(event));
    j->phase = (enum phase)to;
    int rc = save_job(s, j, before, err);
    if (rc > 0)
        rc = add_event(s, j, phase_event_name(event), now, by, why, err) < 0 ? -1 : 1;
    if (rc <= 0)
        j->phase = before;
    return rc;
}

int store_job_note(struct store *s, const struct job *j, enum phase before, int64_t now,
                   struct err *err)
{
    int rc = save_job(s, j, before, err);
    if (rc > 0 && j->phase != before && add_event(s, j, "seen", now, "remote", NULL, err) < 0)
        return -1;
    return rc;
}

int store_job_wish(struct store *s, const char *id, const char *wish, struct err *err)
{
    const struct bind values[] = {TEXT(id), TEXT(wish)};
    return execute(s, SQL_JOB_WISH, values, COUNT(values), err) < 0 ? -1 : 0;
}

char *store_job_wished(struct store *s, const char *id)
{
    own(stmt_fini) sqlite3_stmt *stmt = NULL;
    struct err ignored;
    const struct bind values[] = {TEXT(id)};
    if (prepare(s, SQL_JOB_WISHED, values, COUNT(values), &stmt, &ignored) < 0 ||
        sqlite3_step(stmt) != SQLITE_ROW)
        return NULL;
    return str_new(text_at(stmt, 0));
}

int store_job_delete(struct store *s, const char *id, struct err *err)
{
    const struct bind values[] = {TEXT(id)};
    if (execute(s, SQL_EVENTS_DELETE, values, COUNT(values), err) < 0 ||
        execute(s, SQL_BOOKING_DROP, values, COUNT(values), err) < 0 ||
        execute(s, SQL_JOB_DELETE, values, COUNT(values), err) < 0)
        return -1;
    return 0;
}

int store_jobs(struct store *s, bool live, struct strs *ids, struct err *err)
{
    own(stmt_fini) sqlite3_stmt *stmt = NULL;
    if (prepare(s, live ? SQL_JOBS_LIVE : SQL_JOBS, NULL, 0, &stmt, err) < 0)
        return -1;
    int rc;
    while ((rc = sqlite3_step(stmt)) == SQLITE_ROW)
        strs_add(ids, text_at(stmt, 0));
    return rc == SQLITE_DONE ? 0 : err_db(err, s, "read");
}

json_t *store_events(struct store *s, const char *id, struct err *err)
{
    own(stmt_fini) sqlite3_stmt *stmt = NULL;
    own(json_fini) json_t *list = json_array();
    const struct bind values[] = {TEXT(id)};
    if (prepare(s, SQL_EVENTS, values, COUNT(values), &stmt, err) < 0)
        return NULL;
    int rc;
    while ((rc = sqlite3_step(stmt)) == SQLITE_ROW) {
        char time[WHEN_TEXT];
        when_print(when_of_ms(sqlite3_column_int64(stmt, 0)), time);
        json_t *row = json_pack("{s:s,s:s,s:s}", "phase", text_at(stmt, 1), "time", time, "by",
                                text_at(stmt, 2));
        if (text_at(stmt, 3))
            json_object_set_new(row, "why", json_string(text_at(stmt, 3)));
        json_array_append_new(list, row);
    }
    if (rc != SQLITE_DONE) {
        err_db(err, s, "read");
        return NULL;
    }
    return move(list);
}
