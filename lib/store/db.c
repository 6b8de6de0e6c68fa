#include <fcntl.h>
#include <sqlite3.h>
#include <sys/file.h>
#include <sys/stat.h>
#include "host/path.h"
#include "store/db.h"
#include "store/place.h"

#define JOURNAL_SHORT (1 << 19) /* bytes */
#define BUSY_MS 10000           /* SQLite's own patience, with readers that are just closing */

/* What an accepted job is counted with: milli-cores, bytes and seconds; NULL of one elsewhere. */
#define BOOKED                                                                                     \
    "platform,live,created,started,ended,json_extract(doc,'$.private.need.cores') AS cores,"       \
    "json_extract(doc,'$.private.need.memory') AS memory,"                                         \
    "json_extract(doc,'$.private.length') AS length FROM jobs"

/* When a callout is due: at once, and after its nth failure in a pause that doubles up to an hour.
 * One tried later than now (?1) was so before the clock was set back. */
#define CALLOUT_DUE                                                                                \
    "CASE WHEN tries=0 OR tried>?1 THEN 0 ELSE tried+min(3600000,500<<min(tries,13)) END"
/* Jobs whose files are to be destroyed some day; the condition is that of an index. */
#define DESTROYABLE "live=0 AND phase<>'ARCHIVED' AND destruction>0"

/* Those that their destruction would end; the condition is that of an index, too. */
#define ABORTABLE "live=1 AND destruction>0"

/* The jobs here, as far as a picture needs them. */
#define RAN                                                                                        \
    "* FROM (SELECT id,name,owner,phase,started,ended,live,platform FROM jobs "                    \
    "WHERE driver<>'" JOB_REMOTE "') "

#define BOOKING "job,start,end,latest,cores,memory,parts"

static const char *const sql[SQL_COUNT] = {
    [SQL_OFFER_ADD] = "INSERT INTO offers(id,answer,platform,state,created,expires,doc) "
                      "VALUES(?1,?2,?3,'open',?4,?5,?6)",
    [SQL_OFFER_GET] = "SELECT id,answer,platform,created,expires,doc FROM offers WHERE id=?1",
    [SQL_OFFER_ACCEPTED] = "SELECT id FROM offers WHERE answer=?1 AND state='accepted'",
    [SQL_OFFER_ACCEPT] = "UPDATE offers SET state='accepted' WHERE id=?1",
    [SQL_OFFER_RELEASE] = "UPDATE offers SET state='released' WHERE answer=?1 AND id<>?2",
    /* an offer nobody took is of no use a day after it expired */
    [SQL_OFFER_FORGET] = "DELETE FROM offers WHERE state<>'accepted' AND expires<?1",
    [SQL_BOOKING_SET] = "INSERT INTO bookings"
                        "(job,platform,start,end,latest,cores,memory,parts) "
                        "VALUES(?1,?2,?3,?4,?5,?6,?7,?8)",
    [SQL_BOOKING_GET] = "SELECT " BOOKING ",platform FROM bookings WHERE job=?1",
    [SQL_BOOKING_DROP] = "DELETE FROM bookings WHERE job=?1",
    [SQL_BOOKINGS_RUNNING] = "SELECT " BOOKING " FROM bookings WHERE platform=?1 AND latest=0",
    [SQL_BOOKINGS_APART] = "SELECT " BOOKING " FROM bookings "
                           "WHERE platform=?1 AND latest=0 AND (end<=?2 OR start>?2) "
                           "UNION ALL SELECT " BOOKING " FROM bookings "
                           "WHERE platform=?1 AND latest>0 AND latest<?2 AND end>?2",
    [SQL_CHANGES_GET] = "SELECT list FROM changes WHERE platform=?1 AND thing=?2 AND span=?3",
    [SQL_CHANGES_SET] = "INSERT OR REPLACE INTO changes(platform,thing,span,first,second,list) "
                        "VALUES(?1,?2,?3,?4,?5,?6)",
    [SQL_CHANGES_DROP] = "DELETE FROM changes WHERE platform=?1 AND thing=?2 AND span=?3",
    [SQL_CHANGES_FROM] = "SELECT span,list FROM changes "
                         "WHERE platform=?1 AND thing=?2 AND span>=?3 ORDER BY span LIMIT ?4",
    [SQL_CHANGES_SUM] = "SELECT sum(first),sum(second) FROM changes "
                        "WHERE platform=?1 AND thing=?2 AND span<?3",
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
    [SQL_JOB_AMEND] = "UPDATE jobs SET name=?2,platform=?3,driver=?4,destruction=?5,doc=?6 "
                      "WHERE id=?1 AND phase=?7 AND attempt=?8",
    [SQL_JOB_WISH] = "UPDATE jobs SET wish=?2 WHERE id=?1",
    [SQL_JOB_WISHED] = "SELECT wish FROM jobs WHERE id=?1",
    [SQL_JOB_DELETE] = "DELETE FROM jobs WHERE id=?1",
    [SQL_JOBS] = "SELECT id FROM jobs ORDER BY id DESC",
    [SQL_JOBS_LIVE] = "SELECT id FROM jobs WHERE live=1 AND driver NOT IN('" JOB_REMOTE
                      "','" JOB_DRAFT "') ORDER BY id DESC",
    [SQL_JOBS_WISHED] = "SELECT id FROM jobs WHERE live=1 AND wish NOT NULL AND "
                        "driver<>'" JOB_REMOTE "'",
    /* by jobs_created alone: no other index has them in their order */
    [SQL_JOBS_LISTED] =
        "SELECT id,phase,name,owner,platform,driver,created,started,ended,"
        "destruction,CASE WHEN json_valid(doc) THEN json_extract(doc,'$.runid') END FROM jobs "
        "WHERE created>?2 AND (?1 IS NULL OR owner=?1) AND "
        "instr(?3,' '||phase||' ') AND (?5 IS NULL OR NOT json_valid(doc) OR "
        "coalesce(json_extract(doc,'$.private.policy.method'),?5)=?5) ORDER BY created DESC,id "
        "DESC LIMIT ?4",
    [SQL_EVENT_ADD] = "INSERT INTO events(job,time,phase,event,by,why) VALUES(?1,?2,?3,?4,?5,?6)",
    [SQL_EVENTS] = "SELECT time,phase,by,why FROM events WHERE job=?1 ORDER BY seq",
    [SQL_EVENTS_AFTER] =
        "SELECT seq,job,phase FROM events WHERE seq>?1 AND NOT EXISTS"
        "(SELECT 1 FROM jobs WHERE id=job AND driver IN('" JOB_REMOTE "','" JOB_DRAFT "')) "
        "ORDER BY seq",
    [SQL_EVENTS_LAST] = "SELECT coalesce(max(seq),0) FROM events",
    [SQL_EVENTS_DELETE] = "DELETE FROM events WHERE job=?1",
    /* what execdm-store check reads (upkeep.c) */
    [SQL_BEGIN] = "BEGIN",
    [SQL_END] = "COMMIT",
    [SQL_INTEGRITY] = "PRAGMA integrity_check(20)",
    [SQL_FOREIGN_KEYS] = "PRAGMA foreign_key_check",
    [SQL_JOBS_BROKEN] = "SELECT id FROM jobs WHERE NOT json_valid(doc)",
    [SQL_JOBS_UP] = "SELECT id,phase,driver,attempt,live FROM jobs ORDER BY id",
    [SQL_JOBS_DOWN] = "SELECT id,phase FROM jobs ORDER BY id DESC",
    [SQL_EVENTS_ALL] = "SELECT job,event,phase FROM events ORDER BY job,seq",
    [SQL_BOOKINGS_ALL] = "SELECT " BOOKING ",platform FROM bookings",
    [SQL_BOOKINGS_ASTRAY] = "SELECT job FROM bookings WHERE job NOT IN "
                            "(SELECT id FROM jobs WHERE live=1)",
    [SQL_JOBS_UNBOOKED] = "SELECT id FROM jobs WHERE live=1 AND driver NOT IN('" JOB_REMOTE
                          "','" JOB_DRAFT "') AND id NOT IN (SELECT job FROM bookings)",
    [SQL_CHANGES_ALL] = "SELECT platform,thing,span,first,second,list FROM changes "
                        "ORDER BY platform,thing,span",
    [SQL_JOBS_OWNER] = "CREATE INDEX IF NOT EXISTS jobs_owner ON jobs(owner,live,created)",
    [SQL_DRAFTS] =
        "SELECT count(*) FROM jobs WHERE owner=?1 AND driver='" JOB_DRAFT "' AND phase<>'ARCHIVED'",
    [SQL_JOBS_HELD] = "SELECT platform,sum(live),sum(live*cores),sum(live*memory),"
                      "sum(CASE WHEN created<?2 THEN 0 WHEN live THEN cores*length"
                      " WHEN started THEN cores*(ended-started)/1000 ELSE 0 END) "
                      "FROM (SELECT " BOOKED " WHERE owner=?1 AND live=1 UNION ALL"
                      " SELECT " BOOKED " WHERE owner=?1 AND live=0 AND created>=?2) "
                      "WHERE cores NOT NULL GROUP BY platform",
    /* by the name "" when there are many of a kind in a day */
    [SQL_TALLY_ADD] = "INSERT INTO tallies(kind,name,day,n,amount,cores) SELECT ?1,"
                      "CASE WHEN ?6=0 OR EXISTS(SELECT 1 FROM tallies WHERE kind=?1 AND day=?3 AND "
                      "name=?2) THEN ?2 WHEN (SELECT count(*) FROM tallies WHERE kind=?1 AND "
                      "day=?3)<?6 THEN ?2 ELSE '' END,?3,1,?4,?5 WHERE 1 "
                      "ON CONFLICT(kind,day,name) DO UPDATE "
                      "SET n=n+1,amount=amount+excluded.amount,cores=excluded.cores",
    [SQL_TALLY_FORGET] = "DELETE FROM tallies WHERE kind=?1 AND day<?2",
    /* cores are those of the last day */
    [SQL_TALLIES] = "SELECT name,sum(n*(day>=?2)),sum(amount*(day>=?2)),max(day),cores "
                    "FROM tallies WHERE kind=?1 AND day<=?3 GROUP BY name ORDER BY 2 DESC,1",
    [SQL_USAGE_JOBS] = "SELECT platform,sum(created>=?1),sum((created>=?1)*cores*length),"
                       "sum(CASE WHEN started THEN cores*max(0,min(CASE WHEN ended THEN ended"
                       " ELSE ?3 END,?3)-max(started,?1))/1000 ELSE 0 END) "
                       "FROM (SELECT " BOOKED " WHERE created<?2) WHERE cores NOT NULL "
                       "GROUP BY platform",
    [SQL_USAGE_SUBJECTS] = "SELECT count(DISTINCT owner),count(DISTINCT CASE WHEN instr(owner,'@') "
                           "THEN lower(substr(owner,instr(owner,'@')+1)) END) "
                           "FROM jobs WHERE created>=?1 AND created<?2",
    [SQL_USAGE_FIRST] = "SELECT min(?1,coalesce((SELECT min(created) FROM jobs),?1),"
                        "coalesce((SELECT min(day)*86400000 FROM tallies),?1))",
    [SQL_FIRING_ADD] = "INSERT OR IGNORE INTO firings(job,trigger,action,time) "
                       "VALUES(?1,?2,?3,?4)",
    [SQL_FIRINGS] = "SELECT trigger,action,time FROM firings WHERE job=?1",
    [SQL_FIRINGS_DROP] = "DELETE FROM firings WHERE job=?1",
    [SQL_CALLOUT_ADD] = "INSERT INTO callouts(job,name,number,state,time,tries,tried,doc) "
                        "SELECT ?1,?2,1+count(*),'waiting',?3,0,0,?4 FROM callouts "
                        "WHERE job=?1 AND name=?2",
    /* in order: none while an earlier one of the same job and target waits */
    [SQL_CALLOUTS_DUE] = "SELECT seq,job,name,number,time,tries,doc FROM callouts c "
                         "WHERE state='waiting' AND " CALLOUT_DUE "<=?1 AND NOT EXISTS(SELECT 1 "
                         "FROM callouts d WHERE d.job=c.job AND d.name=c.name AND d.seq<c.seq "
                         "AND d.state='waiting') ORDER BY tries>0,seq LIMIT ?2",
    [SQL_CALLOUTS_NEXT] = "SELECT " CALLOUT_DUE " FROM callouts c WHERE state='waiting' AND NOT "
                          "EXISTS(SELECT 1 FROM callouts d WHERE d.job=c.job AND d.name=c.name "
                          "AND d.seq<c.seq AND d.state='waiting') ORDER BY 1 LIMIT 1",
    [SQL_CALLOUT_SETTLE] = "UPDATE callouts SET state=?2,tries=tries+1,tried=?3,said=?4 "
                           "WHERE seq=?1",
    [SQL_CALLOUT_ORPHAN] = "DELETE FROM callouts WHERE seq=?1 AND state<>'waiting' AND NOT "
                           "EXISTS(SELECT 1 FROM jobs WHERE id=callouts.job)",
    [SQL_CALLOUTS_DROP] = "DELETE FROM callouts WHERE job=?1 AND state<>'waiting'",
    [SQL_CALLOUTS_FAILED] = "SELECT name,number,said FROM callouts WHERE job=?1 AND "
                            "state='failed' ORDER BY seq",
    [SQL_STORAGE_OF] =
        "SELECT name,url,single,made,keep,due,tries,owner,sealed FROM storage WHERE job=?1",
    /* a key ends in a slash, so that one that begins with another lies in it */
    [SQL_STORAGE_OVERLAP] = "SELECT job FROM storage WHERE (job<>?1 OR name<>?3) AND "
                            "(substr(?2,1,length(key))=key OR substr(key,1,length(?2))=?2) LIMIT 1",
    [SQL_STORAGE_ADD] = "INSERT INTO storage(job,name,url,key,single,made,keep,due,tries,owner,"
                        "sealed) "
                        "VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11)",
    [SQL_STORAGE_MADE] = "UPDATE storage SET made=1 WHERE job=?1 AND name=?2",
    [SQL_STORAGE_DUE] = "UPDATE storage SET due=?3,tries=?4 WHERE job=?1 AND name=?2",
    [SQL_STORAGE_FORGET] = "DELETE FROM storage WHERE job=?1 AND name=?2",
    [SQL_STORAGE_NEXT] = "SELECT min(due) FROM storage WHERE due>?1",
    [SQL_DESTRUCTION_NEXT] =
        "SELECT min(next) FROM (SELECT min(destruction) AS next FROM jobs WHERE " DESTROYABLE
        " AND destruction>?1 AND driver<>'" JOB_REMOTE "' UNION ALL "
        "SELECT min(destruction) FROM jobs WHERE " ABORTABLE
        " AND destruction>?1 AND driver<>'" JOB_REMOTE "')",
    [SQL_CHORES] =
        "SELECT DISTINCT job FROM storage WHERE due>0 AND due<=?1 UNION "
        "SELECT id FROM jobs WHERE " DESTROYABLE " AND destruction<=?1 AND driver<>'" JOB_REMOTE
        "' UNION "
        "SELECT id FROM jobs WHERE " ABORTABLE " AND destruction<=?1 AND driver<>'" JOB_REMOTE "'",
    [SQL_KEY_ADD] = "INSERT INTO keys(owner,key,sum,job,time) VALUES(?1,?2,?3,?4,?5)",
    [SQL_KEY_GET] = "SELECT sum,job FROM keys WHERE owner=?1 AND key=?2 AND time>=?3",
    [SQL_KEYS_FORGET] = "DELETE FROM keys WHERE time<?1",
    [SQL_LOAD] = "SELECT count(*),sum(latest=0),sum((latest=0)*cores),sum((latest=0)*memory) "
                 "FROM bookings WHERE platform=?1",
    [SQL_STRETCHES] = "SELECT id,name,owner,phase,started,ended,start,end FROM (SELECT " RAN
                      "WHERE live=1 AND platform=?1 UNION ALL SELECT " RAN
                      "WHERE id>=?3 AND live=0 AND started>0 AND ended>=?2 AND platform=?1) "
                      "LEFT JOIN bookings ON job=id ORDER BY id DESC LIMIT ?4",
};

/* The tables of version 1. */
static const char first_tables[] =
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
    "CREATE INDEX jobs_wished ON jobs(id) WHERE live=1 AND wish NOT NULL;"
    "CREATE TABLE events(seq INTEGER PRIMARY KEY AUTOINCREMENT, job TEXT NOT NULL,"
    " time INTEGER NOT NULL, phase TEXT NOT NULL, event TEXT NOT NULL, by TEXT NOT NULL, why TEXT);"
    "CREATE INDEX events_job ON events(job);"
    "CREATE TABLE bookings(job TEXT PRIMARY KEY, platform TEXT NOT NULL, start INTEGER NOT NULL,"
    " end INTEGER NOT NULL, latest INTEGER NOT NULL, cores INTEGER NOT NULL, memory INTEGER NOT "
    "NULL, parts TEXT) WITHOUT ROWID;"
    "CREATE INDEX bookings_running ON bookings(platform) WHERE latest=0;"
    "CREATE INDEX bookings_closing ON bookings(platform,latest,end) WHERE latest>0;"
    /* what bookings add up to (booking.c); the list comes last, so that sums do not read it */
    "CREATE TABLE changes(platform TEXT NOT NULL, thing TEXT NOT NULL, span INTEGER NOT NULL,"
    " first INTEGER NOT NULL, second INTEGER NOT NULL, list BLOB NOT NULL,"
    " PRIMARY KEY(platform,thing,span)) WITHOUT ROWID;"
    /* what is counted by the day, for execdm-store usage (usage.c) */
    "CREATE TABLE tallies(kind TEXT NOT NULL, name TEXT NOT NULL, day INTEGER NOT NULL,"
    " n INTEGER NOT NULL, amount INTEGER NOT NULL, cores INTEGER NOT NULL,"
    " PRIMARY KEY(kind,day,name)) WITHOUT ROWID;";

/* What came with version 2. */
static const char second_tables[] =
    "CREATE INDEX jobs_destruction ON jobs(destruction) WHERE " DESTROYABLE ";"
    /* places that were made for jobs (storage.c) */
    "CREATE TABLE storage(job TEXT NOT NULL, name TEXT NOT NULL, url TEXT NOT NULL,"
    " key TEXT NOT NULL, single INTEGER NOT NULL, made INTEGER NOT NULL, keep TEXT NOT NULL,"
    " due INTEGER NOT NULL, tries INTEGER NOT NULL, owner TEXT, sealed TEXT,"
    " PRIMARY KEY(job,name))"
    " WITHOUT ROWID;"
    "CREATE INDEX storage_due ON storage(due);"
    /* triggers that were called, and callouts to be made (link.c) */
    "CREATE TABLE firings(job TEXT NOT NULL, trigger TEXT NOT NULL, action TEXT NOT NULL,"
    " time INTEGER NOT NULL, PRIMARY KEY(job,trigger,action)) WITHOUT ROWID;"
    "CREATE TABLE callouts(seq INTEGER PRIMARY KEY AUTOINCREMENT, job TEXT NOT NULL,"
    " name TEXT NOT NULL, number INTEGER NOT NULL, state TEXT NOT NULL, time INTEGER NOT NULL,"
    " tries INTEGER NOT NULL, tried INTEGER NOT NULL, doc TEXT NOT NULL, said TEXT);"
    "CREATE INDEX callouts_job ON callouts(job,name,seq);"
    "CREATE INDEX callouts_waiting ON callouts(seq) WHERE state='waiting';";

/* What came with version 3: lists of jobs, newest first (list.c). */
static const char third_tables[] = "CREATE INDEX jobs_created ON jobs(created,id,owner);";

/* What came with version 4: keys of requests (key.c), and jobs to be ended by their destruction. */
static const char fourth_tables[] =
    "CREATE TABLE keys(owner TEXT NOT NULL, key TEXT NOT NULL, sum TEXT NOT NULL,"
    " job TEXT NOT NULL, time INTEGER NOT NULL, PRIMARY KEY(owner,key)) WITHOUT ROWID;"
    "CREATE INDEX keys_time ON keys(time);"
    "CREATE INDEX jobs_abortion ON jobs(destruction) WHERE " ABORTABLE ";";

/* What makes version N + 1 of version N, of which 0 is an empty file. A row is never changed once
 * it was published: there are stores that were made by it. */
static const char *const steps[] = {first_tables, second_tables, third_tables, fourth_tables};

static int err_db(struct err *err, struct store *s, const char *doing)
{
    int rc = sqlite3_errcode(s->db) & 0xff;
    /* SQLITE_ERROR: our statements do not change, so it is what they found: no JSON, no such table
     */
    const bool damaged = rc == SQLITE_CORRUPT || rc == SQLITE_NOTADB || rc == SQLITE_ERROR;
    enum code code = damaged || rc == SQLITE_FULL || rc == SQLITE_IOERR ? CODE_IO
                     : rc == SQLITE_BUSY                                ? CODE_TEMP
                     : rc == SQLITE_READONLY || rc == SQLITE_CANTOPEN || rc == SQLITE_PERM
                         ? CODE_PERM
                         : CODE_OS;
    err_set(err, code, "job store: %s: %s%s", doing, sqlite3_errmsg(s->db), damaged ? DB_SAVE : "");
    err->inner = true;
    snprintf(err->where, sizeof(err->where), "%s/execdm.db", s->dir);
    return -1;
}

/* The statement, prepared once and kept, with its values. */
static int prepare(struct store *s, enum sql which, const struct bind *values, size_t n,
                   sqlite3_stmt **stmt, struct err *err)
{
    if (!s->statements)
        s->statements = mem_new(SQL_COUNT * sizeof(*s->statements));
    sqlite3_stmt **kept = &s->statements[which];
    if (!*kept && sqlite3_prepare_v3(s->db, sql[which], -1, SQLITE_PREPARE_PERSISTENT, kept,
                                     NULL) != SQLITE_OK)
        return err_db(err, s, "prepare");
    for (size_t i = 0; i < n; i++) {
        const struct bind *v = &values[i];
        if (v->is_number)
            sqlite3_bind_int64(*kept, (int)i + 1, v->number);
        else if (v->len)
            sqlite3_bind_blob64(*kept, (int)i + 1, v->bytes, v->len, SQLITE_TRANSIENT);
        else
            sqlite3_bind_text(*kept, (int)i + 1, v->bytes, -1, SQLITE_TRANSIENT);
    }
    *stmt = *kept;
    return 0;
}

void db_done(struct sqlite3_stmt **rows)
{
    sqlite3_reset(*rows); /* of NULL it is nothing */
    *rows = NULL;
}

int db_run(struct store *s, enum sql which, const struct bind *values, size_t n, struct err *err)
{
    own(db_done) sqlite3_stmt *stmt = NULL;
    if (prepare(s, which, values, n, &stmt, err) < 0)
        return -1;
    if (sqlite3_step(stmt) != SQLITE_DONE)
        return err_db(err, s, "write");
    return sqlite3_changes(s->db);
}

int db_ask(struct store *s, enum sql which, const struct bind *values, size_t n,
           struct sqlite3_stmt **rows, struct err *err)
{
    return prepare(s, which, values, n, rows, err);
}

int db_next(struct store *s, struct sqlite3_stmt *rows, struct err *err)
{
    int rc = sqlite3_step(rows);
    return rc == SQLITE_ROW ? 1 : rc == SQLITE_DONE ? 0 : err_db(err, s, "read");
}

int64_t db_int(struct sqlite3_stmt *rows, int column)
{
    return sqlite3_column_int64(rows, column);
}

const char *db_text(struct sqlite3_stmt *rows, int column)
{
    return (const char *)sqlite3_column_text(rows, column);
}

const void *db_bytes(struct sqlite3_stmt *rows, int column, size_t *len)
{
    const void *bytes = sqlite3_column_blob(rows, column);
    *len = (size_t)sqlite3_column_bytes(rows, column);
    return bytes;
}

int db_doc(struct sqlite3_stmt *rows, int column, json_t **doc, struct err *err)
{
    const char *text = db_text(rows, column);
    *doc = json_loads(text ? text : "", JSON_REJECT_DUPLICATES, NULL);
    return *doc ? 0 : err_set(err, CODE_IO, "job store: a row holds no document" DB_SAVE);
}

static int run_sql(struct store *s, const char *text, const char *doing, struct err *err)
{
    if (sqlite3_exec(s->db, text, NULL, NULL, NULL) != SQLITE_OK)
        return err_db(err, s, doing);
    return 0;
}

static int user_version(struct store *s, int *version, struct err *err)
{
    sqlite3_stmt *stmt = NULL;
    int rc = sqlite3_prepare_v2(s->db, "PRAGMA user_version", -1, &stmt, NULL);
    if (rc == SQLITE_OK)
        rc = sqlite3_step(stmt);
    if (rc == SQLITE_ROW)
        *version = sqlite3_column_int(stmt, 0);
    sqlite3_finalize(stmt);
    return rc == SQLITE_ROW ? 0 : err_db(err, s, "open");
}

/* The lock file begins empty and holds a byte once the tables are made: a file without tables is
 * then no new store, but one that was lost. */
static int check_made(struct store *s, struct err *err)
{
    char c;
    if (pread(s->lock, &c, 1, 0) <= 0)
        return 0;
    return err_set(err, CODE_IO,
                   "job store: a store was made in %s, but its execdm.db is gone or empty" DB_SAVE,
                   s->dir);
}

static int note_made(struct store *s, struct err *err)
{
    if (pwrite(s->lock, "1", 1, 0) != 1 || fsync(s->lock) < 0)
        return err_sys(err, "cannot write %s/lock", s->dir);
    return 0;
}

/* The journal's kind stays with the file; changing it needs everybody else to keep out. */
static int set_journal(struct store *s, struct err *err)
{
    const char *journal = s->network ? "PRAGMA journal_mode=DELETE" : "PRAGMA journal_mode=WAL";
    int version = 0;
    if (place_turn(s->dir, s->lock, err) < 0)
        return -1;
    int rc = user_version(s, &version, err);
    if (rc == 0 && version == 0)
        rc = check_made(s, err) < 0 ? -1 : run_sql(s, journal, "journal", err);
    flock(s->lock, LOCK_UN);
    return rc;
}

static int err_newer(struct err *err, const struct store *s, int version, int n)
{
    return err_set(err, CODE_CONFIG,
                   "the job store %s/execdm.db is of version %d, written by a newer execdm; "
                   "this one knows versions up to %d",
                   s->dir, version, n);
}

static int take_steps(struct store *s, const char *const list[], int n, struct err *err)
{
    int version = 0; /* asked again: another process may have done it */
    own(str_fini) char *note = str_print("PRAGMA user_version=%d", n);
    if (user_version(s, &version, err) < 0)
        return -1;
    if (version > n)
        return err_newer(err, s, version, n);
    for (; version < n; version++) {
        own(str_fini) char *doing = str_print("version %d from %d", version + 1, version);
        if (run_sql(s, list[version], doing, err) < 0)
            return -1;
    }
    return run_sql(s, note, "version", err);
}

int db_migrate(struct store *s, const char *const list[], int n, struct err *err)
{
    int version = 0;
    if (user_version(s, &version, err) < 0)
        return -1;
    if (version > n)
        return err_newer(err, s, version, n);
    if (version == n)
        return 0;
    if ((version == 0 && set_journal(s, err) < 0) || store_begin(s, true, err) < 0)
        return -1;
    if (take_steps(s, list, n, err) < 0) {
        store_rollback(s);
        return -1;
    }
    if (store_commit(s, err) < 0 || note_made(s, err) < 0)
        return -1;
    /* the tables are in the file itself, whatever becomes of its journal */
    sqlite3_wal_checkpoint_v2(s->db, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
    return 0;
}

static int open_file(struct store *s, int flags, struct err *err)
{
    own(str_fini) char *path = str_print("%s/execdm.db", s->dir);
    mode_t mask = umask(077);
    /* no pools of memory made ready: a program that reads one row never uses them */
    sqlite3_config(SQLITE_CONFIG_LOOKASIDE, 0, 0);
    sqlite3_config(SQLITE_CONFIG_PAGECACHE, NULL, 0, 0);
    int rc =
        sqlite3_open_v2(path, &s->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOFOLLOW | flags, NULL);
    umask(mask);
    if (rc != SQLITE_OK)
        return err_db(err, s, "open");
    sqlite3_busy_timeout(s->db, BUSY_MS);
    return 0;
}

int db_version(void)
{
    return COUNT(steps);
}

int db_open(struct store *s, struct err *err)
{
    if (open_file(s, SQLITE_OPEN_CREATE, err) < 0)
        return -1;
    return db_migrate(s, steps, db_version(), err);
}

int db_open_as_is(struct store *s, struct err *err)
{
    int version = 0;
    own(str_fini) char *path = str_print("%s/execdm.db", s->dir);
    if (path_exists(path) && (open_file(s, 0, err) < 0 || user_version(s, &version, err) < 0))
        return -1;
    if (version > 0)
        return db_migrate(s, steps, db_version(), err);
    if (check_made(s, err) < 0)
        return -1;
    return err_set(err, CODE_NOINPUT, "there is no job store in %s; set EXECDM_STATE", s->dir);
}

int db_copy(struct store *s, const char *path, struct err *err)
{
    sqlite3 *copy = NULL;
    const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOFOLLOW;
    const mode_t mask = umask(077); /* it is nobody else's from its first byte */
    int rc = sqlite3_open_v2(path, &copy, flags, NULL);
    umask(mask);
    if (rc == SQLITE_OK) /* there is one writer, and the file has no name yet that counts */
        rc = sqlite3_exec(copy, "PRAGMA journal_mode=OFF", NULL, NULL, NULL);
    sqlite3_backup *b = rc == SQLITE_OK ? sqlite3_backup_init(copy, "main", s->db, "main") : NULL;
    if (b) {
        sqlite3_backup_step(b,
                            -1); /* all of it at once: what others write meanwhile is not in it */
        rc = sqlite3_backup_finish(b);
    } else if (copy) {
        rc = sqlite3_errcode(copy);
    }
    const bool full = (rc & 0xff) == SQLITE_FULL || (rc & 0xff) == SQLITE_IOERR;
    if (rc != SQLITE_OK)
        err_set(err, full ? CODE_IO : CODE_OS, "cannot write %s: %s", path,
                copy ? sqlite3_errmsg(copy) : sqlite3_errstr(rc));
    sqlite3_close(copy);
    return rc == SQLITE_OK ? 0 : -1;
}

/* The last to close the store would write the journal back and remove it, which costs a writer four
 * times what its transaction does. A short one is left: who opens the store next reads it through,
 * and who only read, or found it grown long, writes it back. */
static void leave_journal(struct store *s)
{
    struct stat st;
    own(str_fini) char *journal = str_print("%s/execdm.db-wal", s->dir);
    if (s->wrote && stat(journal, &st) == 0 && st.st_size < JOURNAL_SHORT)
        sqlite3_db_config(s->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
}

void db_close(struct store *s)
{
    if (s->db)
        leave_journal(s);
    for (size_t i = 0; s->statements && i < SQL_COUNT; i++)
        sqlite3_finalize(s->statements[i]);
    free(s->statements);
    sqlite3_close(s->db); /* of NULL it is nothing */
}

int store_begin(struct store *s, bool durable, struct err *err)
{
    if (place_turn(s->dir, s->lock, err) < 0)
        return -1;
    const char *sync = !durable     ? "PRAGMA synchronous=NORMAL"
                       : s->network ? "PRAGMA synchronous=EXTRA" /* the journal's name, too */
                                    : "PRAGMA synchronous=FULL";
    if (run_sql(s, sync, "synchronous", err) < 0 ||
        run_sql(s, "BEGIN IMMEDIATE", "begin", err) < 0) {
        flock(s->lock, LOCK_UN);
        return -1;
    }
    s->wrote = true;
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
    if (run_sql(s, "COMMIT", "commit", err) < 0) {
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
