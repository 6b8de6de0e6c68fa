#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include "host/path.h"
#include "model/finding.h"
#include "store/db.h"
#include "store/upkeep.h"

#define TOLD_MAX 200 /* findings; a store that is wrong throughout is wrong */

struct check {
    struct store *store;
    struct findings found;
    json_t *jobs; /* by id: {phase, driver, attempt} */
    size_t unfinished;
};

static void check_fini(struct check *c)
{
    findings_fini(&c->found);
    json_decref(c->jobs);
}

/* Is there room for one more? */
static bool tells(const struct check *c)
{
    return c->found.n < TOLD_MAX;
}

/* --- the file --- */

#define RECOVER                                                                                    \
    "restore a backup, or keep what can be read: sqlite3 execdm.db .recover | sqlite3 new.db"

static int tell_rows(struct check *c, enum sql which, const char *what)
{
    own(db_done) struct sqlite3_stmt *rows = NULL;
    struct err err = {0};
    int rc = db_ask(c->store, which, NULL, 0, &rows, &err);
    while (rc >= 0 && (rc = db_next(c->store, rows, &err)) > 0) {
        const char *text = db_text(rows, 0);
        if (str_same(text, "ok") || !tells(c))
            continue;
        finding_hint(finding_add(&c->found, FINDING_ERROR, "damaged-store", "", "%s %s", what,
                                 text ? text : "without a name"),
                     RECOVER);
    }
    if (rc < 0)
        finding_hint(finding_add(&c->found, FINDING_ERROR, "damaged-store", "", "%s", err.text),
                     RECOVER);
    return c->found.errors ? -1 : 0;
}

/* --- jobs and events --- */

static int read_jobs(struct check *c, struct err *err)
{
    own(db_done) struct sqlite3_stmt *rows = NULL;
    int rc = db_ask(c->store, SQL_JOBS_UP, NULL, 0, &rows, err);
    while (rc >= 0 && (rc = db_next(c->store, rows, err)) > 0) {
        const char *id = db_text(rows, 0), *phase = db_text(rows, 1);
        enum phase p;
        const bool known = phase_parse(phase, &p) == 0, live = db_int(rows, 4) != 0;
        json_object_set_new(c->jobs, id,
                            json_pack("{s:s*,s:s*,s:I}", "phase", phase, "driver", db_text(rows, 2),
                                      "attempt", (json_int_t)db_int(rows, 3)));
        c->unfinished += live;
        if ((!known || live == phase_terminal(p)) && tells(c))
            finding_add(&c->found, FINDING_ERROR, "wrong-phase", "",
                        "job %s is %s, but counts as %s", id, phase, live ? "not ended" : "ended");
    }
    return rc;
}

/* The events of one job, as far as they were followed. */
struct trail {
    char id[UUID_TEXT];
    enum phase phase; /* where they lead */
    bool broken;
};

static void end_trail(struct check *c, const struct trail *t)
{
    json_t *job = json_object_get(c->jobs, t->id);
    const char *phase = json_text(job, "phase");
    if (!*t->id)
        return;
    if (!job && tells(c))
        finding_add(&c->found, FINDING_ERROR, "wrong-phase", "",
                    "there are events of job %s, but no such job", t->id);
    else if (job && !t->broken && !str_same(phase, phase_name(t->phase)) && tells(c))
        finding_add(&c->found, FINDING_ERROR, "wrong-phase", "",
                    "job %s is %s, but its events lead to %s", t->id, phase, phase_name(t->phase));
    if (job)
        json_object_set_new(job, "followed", json_true());
}

/* What was seen of a job elsewhere needs no edge here; what is no event of the table changes no
 * phase. */
static bool leads(enum phase from, const char *event, enum phase to)
{
    enum phase_event e;
    if (phase_event_parse(event, &e) == 0)
        return phase_step(from, e, BY_WORKER | BY_OWNER) == (int)to;
    return str_same(event, "seen") || from == to;
}

static void follow_event(struct check *c, struct trail *t, const char *event, const char *phase)
{
    enum phase to = t->phase;
    const bool first = str_same(event, "accept"), known = phase_parse(phase, &to) == 0;
    if ((!known || (!first && !leads(t->phase, event, to))) && !t->broken) {
        t->broken = true;
        if (tells(c))
            finding_add(&c->found, FINDING_ERROR, "wrong-phase", "",
                        "job %s: the event %s does not lead from %s to %s", t->id, event,
                        phase_name(t->phase), phase);
    }
    t->phase = to;
}

/* The event log is the truth: each job's phase is what its events lead to, one by one. */
static int check_events(struct check *c, struct err *err)
{
    own(db_done) struct sqlite3_stmt *rows = NULL;
    struct trail t = {0};
    const char *id;
    json_t *job;
    int rc = db_ask(c->store, SQL_EVENTS_ALL, NULL, 0, &rows, err);
    while (rc >= 0 && (rc = db_next(c->store, rows, err)) > 0) {
        if (!str_same(t.id, db_text(rows, 0))) {
            end_trail(c, &t);
            t = (struct trail){.phase = PHASE_PENDING};
            snprintf(t.id, sizeof(t.id), "%s", db_text(rows, 0));
        }
        follow_event(c, &t, db_text(rows, 1), db_text(rows, 2));
    }
    end_trail(c, &t);
    json_object_foreach (c->jobs, id, job)
        if (!json_object_get(job, "followed") && tells(c))
            finding_add(&c->found, FINDING_ERROR, "wrong-phase", "", "job %s has no events", id);
    return rc;
}

/* --- bookings --- */

static int check_astray(struct check *c, enum sql which, const char *text, struct err *err)
{
    own(db_done) struct sqlite3_stmt *rows = NULL;
    int rc = db_ask(c->store, which, NULL, 0, &rows, err);
    while (rc >= 0 && (rc = db_next(c->store, rows, err)) > 0)
        if (tells(c))
            finding_add(&c->found, FINDING_ERROR, "wrong-booking", "", "job %s %s",
                        db_text(rows, 0), text);
    return rc;
}

static int check_bookings(struct check *c, struct err *err)
{
    own(strs_fini) struct strs wrong = {0};
    if (check_astray(c, SQL_BOOKINGS_ASTRAY, "has ended or is not there, but has a booking", err) <
            0 ||
        check_astray(c, SQL_JOBS_UNBOOKED, "has not ended, but has no booking", err) < 0 ||
        store_sums_check(c->store, &wrong, err) < 0)
        return -1;
    for (size_t i = 0; i < wrong.n && tells(c); i++)
        finding_add(&c->found, FINDING_ERROR, "wrong-booking", "",
                    "%s: what is kept is not what the bookings add up to", wrong.list[i]);
    return 0;
}

/* --- directories --- */

static void list_directories(const struct store *s, struct strs *ids)
{
    own(str_fini) char *path = str_print("%s/jobs", s->dir);
    DIR *dir = opendir(path);
    for (const struct dirent *e; dir && (e = readdir(dir));)
        if (uuid_valid(e->d_name))
            strs_add(ids, e->d_name);
    if (dir)
        closedir(dir);
}

static bool has_directory(const struct store *s, const char *id)
{
    own(str_fini) char *path = store_job_path(s, id, NULL);
    return path_exists(path);
}

/* Asked once more, as jobs come and go while we look. */
static bool has_job(struct store *s, const char *id)
{
    own(job_fini) struct job j = {0};
    struct err err = {0};
    return store_job_get(s, id, &j, &err) == 0 || err.code != CODE_NOINPUT;
}

static void check_directories(struct check *c)
{
    own(strs_fini) struct strs ids = {0};
    const char *id;
    json_t *job;
    list_directories(c->store, &ids);
    for (size_t i = 0; i < ids.n && tells(c); i++)
        if (!json_object_get(c->jobs, ids.list[i]) && !has_job(c->store, ids.list[i]) &&
            has_directory(c->store, ids.list[i]))
            finding_hint(finding_add(&c->found, FINDING_ERROR, "wrong-directory", "",
                                     "jobs/%s is there, but no such job", ids.list[i]),
                         "it was being deleted, or the store has lost it; look at what is in it "
                         "before you remove it");
    json_object_foreach (c->jobs, id, job)
        if (json_int(job, "attempt", 0) > 0 && !str_same(json_text(job, "phase"), "ARCHIVED") &&
            !str_same(json_text(job, "driver"), JOB_REMOTE) && !has_directory(c->store, id) &&
            has_job(c->store, id) && tells(c))
            finding_add(&c->found, FINDING_ERROR, "wrong-directory", "",
                        "job %s was started, but jobs/%s is not there", id, id);
}

/* --- what can be saved --- */

static void save_rows(struct check *c, enum sql which, json_t *saved)
{
    own(db_done) struct sqlite3_stmt *rows = NULL;
    struct err ignored;
    enum phase p;
    if (!c->store->db || db_ask(c->store, which, NULL, 0, &rows, &ignored) < 0)
        return;
    while (db_next(c->store, rows, &ignored) > 0) {
        const char *id = db_text(rows, 0), *phase = db_text(rows, 1);
        if (uuid_valid(id) && phase_parse(phase, &p) == 0)
            json_object_set_new(saved, id,
                                json_pack("{s:s,s:s}", "id", id, "phase", phase_name(p)));
    }
}

/* From both ends, as reading stops where the damage is; and what jobs left on disk. */
static json_t *what_is_left(struct check *c)
{
    own(json_fini) json_t *saved = json_object();
    own(strs_fini) struct strs ids = {0};
    json_t *list = json_array(), *job;
    const char *id;
    save_rows(c, SQL_JOBS_UP, saved);
    save_rows(c, SQL_JOBS_DOWN, saved);
    list_directories(c->store, &ids);
    for (size_t i = 0; i < ids.n; i++) {
        job = json_object_get(saved, ids.list[i]);
        if (!job) {
            job = json_pack("{s:s}", "id", ids.list[i]);
            json_object_set_new(saved, ids.list[i], job);
        }
        json_object_set_new(job, "directory", json_true());
    }
    json_object_foreach (saved, id, job)
        json_array_append(list, job);
    return list;
}

/* --- the report --- */

/* All of it in one view of the store, which others go on writing to. */
static int check_all(struct check *c, struct err *err)
{
    if (db_run(c->store, SQL_BEGIN, NULL, 0, err) < 0)
        return -1;
    if (tell_rows(c, SQL_INTEGRITY, "integrity:") < 0 ||
        tell_rows(c, SQL_FOREIGN_KEYS, "a foreign key that leads nowhere, of the table") < 0 ||
        tell_rows(c, SQL_JOBS_BROKEN, "the document is no JSON of the job") < 0)
        return 0;
    int rc = read_jobs(c, err) < 0 || check_events(c, err) < 0 || check_bookings(c, err) < 0;
    if (db_run(c->store, SQL_END, NULL, 0, err) < 0 || rc)
        return -1;
    check_directories(c);
    return 0;
}

static json_t *report_of(struct check *c, bool damaged)
{
    json_t *messages = json_array();
    for (size_t i = 0; i < c->found.n; i++)
        json_array_append_new(messages, finding_json(&c->found.list[i]));
    json_t *report = json_pack("{s:s,s:b,s:o}", "store", c->store->dir, "sound",
                               c->found.errors == 0, "messages", messages);
    if (damaged) {
        json_object_set_new(report, "left", what_is_left(c));
    } else {
        json_object_set_new(report, "jobs", json_integer((json_int_t)json_object_size(c->jobs)));
        json_object_set_new(report, "unfinished", json_integer((json_int_t)c->unfinished));
    }
    return report;
}

json_t *upkeep_check(struct err *err)
{
    own(store_close) struct store store = {.lock = -1};
    own(check_fini) struct check c = {.store = &store, .jobs = json_object()};
    struct err why = {0};
    int rc = store_open_as_is(&store, &why);
    if (rc == 0)
        rc = check_all(&c, &why);
    if (rc < 0 && (why.code != CODE_IO || !store.dir)) {
        *err = why;
        return NULL;
    }
    char *said = rc < 0 ? strstr(why.text, DB_SAVE) : NULL;
    if (said)
        *said = '\0'; /* by us */
    if (rc < 0)
        finding_hint(finding_add(&c.found, FINDING_ERROR, "damaged-store", "", "%s", why.text),
                     RECOVER);
    bool damaged = false;
    for (size_t i = 0; i < c.found.n; i++)
        damaged |= str_same(c.found.list[i].rule, "damaged-store");
    return report_of(&c, damaged);
}

/* --- a copy --- */

static int check_copy(const char *path, struct err *err)
{
    own(fd_fini) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0 || fchmod(fd, 0600) < 0 || fsync(fd) < 0)
        return err_sys(err, "cannot write %s", path);
    return 0;
}

/* Sound, or it is no backup: a page that is damaged here would be damaged there. */
static int check_source(struct store *s, struct err *err)
{
    own(check_fini) struct check c = {.store = s, .jobs = json_object()};
    if (tell_rows(&c, SQL_INTEGRITY, "integrity:") == 0)
        return 0;
    return err_set(err, CODE_IO,
                   "nothing was written, as the job store is damaged: %s; execdm-store check tells "
                   "what can be saved",
                   c.found.list[0].text);
}

int upkeep_backup(const char *path, struct err *err)
{
    own(store_close) struct store store = {.lock = -1};
    own(str_fini) char *part = str_print("%s.part.%ld", path, (long)getpid());
    struct err ignored;
    struct stat st;
    if (store_open_as_is(&store, err) < 0)
        return -1;
    if (lstat(path, &st) == 0)
        return err_set(err, CODE_CONFLICT, "%s is there already; name a new file", path);
    if (check_source(&store, err) < 0)
        return -1;
    int rc = db_copy(&store, part, err);
    if (rc == 0)
        rc = check_copy(part, err);
    if (rc == 0 && link(part, path) < 0) { /* which replaces nothing */
        rc = errno == EEXIST
                 ? err_set(err, CODE_CONFLICT, "%s is there already; name a new file", path)
                 : err_sys(err, "cannot write %s", path);
    }
    path_remove(part, &ignored);
    return rc < 0 ? -1 : path_sync_parent(path, err);
}
