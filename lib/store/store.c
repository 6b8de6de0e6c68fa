#include <fcntl.h>
#include "host/path.h"
#include "store/db.h"
#include "store/link.h"
#include "store/place.h"
#include "text/write.h"

#define PART_MIN 6 /* letters of an id */

static int open_parts(struct store *s, int (*open_db)(struct store *, struct err *),
                      struct err *err)
{
    if (place_open(&s->dir, &s->network, err) < 0)
        return -1;
    own(str_fini) char *lock = str_print("%s/lock", s->dir);
    s->lock = open(lock, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (s->lock < 0)
        return err_sys(err, "cannot open %s", lock);
    return open_db(s, err);
}

int store_open(struct store *s, struct err *err)
{
    *s = (struct store){.lock = -1};
    if (open_parts(s, db_open, err) == 0)
        return 0;
    err->inner = true; /* whatever it is */
    store_close(s);
    return -1;
}

int store_open_as_is(struct store *s, struct err *err)
{
    *s = (struct store){.lock = -1};
    return open_parts(s, db_open_as_is, err);
}

void store_close(struct store *s)
{
    db_close(s);
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

void offer_row_fini(struct offer_row *o)
{
    free(o->platform);
    json_decref(o->doc);
    *o = (struct offer_row){0};
}

int store_offers_forget(struct store *s, int64_t now, struct err *err)
{
    const struct bind old[] = {NUMBER(now - 86400000)};
    return db_run(s, SQL_OFFER_FORGET, old, COUNT(old), err) < 0 ? -1 : 0;
}

int store_offer_add(struct store *s, const struct offer_row *o, struct err *err)
{
    own(str_fini) char *doc = write_string(o->doc);
    const struct bind values[] = {TEXT(o->id),        TEXT(o->answer),    TEXT(o->platform),
                                  NUMBER(o->created), NUMBER(o->expires), TEXT(doc)};
    return db_run(s, SQL_OFFER_ADD, values, COUNT(values), err) < 0 ? -1 : 0;
}

int store_offer_get(struct store *s, const char *id, struct offer_row *o, struct err *err)
{
    own(db_done) struct sqlite3_stmt *stmt = NULL;
    const struct bind values[] = {TEXT(id)};
    if (db_ask(s, SQL_OFFER_GET, values, COUNT(values), &stmt, err) < 0)
        return -1;
    int rc = db_next(s, stmt, err);
    if (rc == 0)
        return err_set(err, CODE_NOINPUT,
                       "there is no offer %s in this store; ask again with "
                       "execdm-plan",
                       id);
    if (rc < 0)
        return -1;
    struct offer_row row = {.platform = str_new(db_text(stmt, 2)),
                            .created = db_int(stmt, 3),
                            .expires = db_int(stmt, 4)};
    snprintf(row.id, sizeof(row.id), "%s", db_text(stmt, 0));
    snprintf(row.answer, sizeof(row.answer), "%s", db_text(stmt, 1));
    if (db_doc(stmt, 5, &row.doc, err) < 0) {
        offer_row_fini(&row);
        return -1;
    }
    *o = row;
    return 0;
}

int store_offer_accepted(struct store *s, const char *answer, char id[UUID_TEXT], struct err *err)
{
    own(db_done) struct sqlite3_stmt *stmt = NULL;
    const struct bind values[] = {TEXT(answer)};
    if (db_ask(s, SQL_OFFER_ACCEPTED, values, COUNT(values), &stmt, err) < 0)
        return -1;
    int rc = db_next(s, stmt, err);
    if (rc == 0)
        return 0;
    if (rc < 0)
        return -1;
    snprintf(id, UUID_TEXT, "%s", db_text(stmt, 0));
    return 1;
}

int store_offer_accept(struct store *s, const struct offer_row *o, struct err *err)
{
    const struct bind one[] = {TEXT(o->id)};
    const struct bind others[] = {TEXT(o->answer), TEXT(o->id)};
    if (db_run(s, SQL_OFFER_ACCEPT, one, COUNT(one), err) < 0 ||
        db_run(s, SQL_OFFER_RELEASE, others, COUNT(others), err) < 0)
        return -1;
    return 0;
}

static int add_event(struct store *s, const struct job *j, const char *event, int64_t now,
                     const char *by, const char *why, struct err *err)
{
    const struct bind values[] = {TEXT(j->id), NUMBER(now), TEXT(phase_name(j->phase)),
                                  TEXT(event), TEXT(by),    TEXT(why)};
    return db_run(s, SQL_EVENT_ADD, values, COUNT(values), err) < 0 ? -1 : 0;
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
    if (db_run(s, SQL_JOB_ADD, values, COUNT(values), err) < 0)
        return -1;
    if (add_event(s, j, "accept", j->created, by, why, err) < 0)
        return -1;
    return link_queue(s, j, PHASE_ARCHIVED, j->created, err);
}

/* The whole id for a beginning or, as ids of one minute begin alike, an end of it. */
static int find_job(struct store *s, const char *part, char id[UUID_TEXT], struct err *err)
{
    own(db_done) struct sqlite3_stmt *stmt = NULL;
    own(str_fini) char *end = str_print("%s~", part);
    const struct bind values[] = {TEXT(part), TEXT(end)};
    if (strlen(part) < PART_MIN)
        return err_set(err, CODE_NOINPUT,
                       "\"%s\" is no job; give its id, or %d letters of its "
                       "beginning or its end",
                       part, PART_MIN);
    if (db_ask(s, SQL_JOB_FIND, values, COUNT(values), &stmt, err) < 0)
        return -1;
    int rc = db_next(s, stmt, err);
    if (rc == 0)
        return err_set(err, CODE_NOINPUT, "there is no job %s; execdm-status --list shows all",
                       part);
    if (rc < 0)
        return -1;
    snprintf(id, UUID_TEXT, "%s", db_text(stmt, 0));
    if (db_next(s, stmt, err) > 0)
        return err_set(err, CODE_NOINPUT,
                       "several jobs match %s; give more of the id, its end is "
                       "what differs",
                       part);
    return 0;
}

int store_job_get(struct store *s, const char *id, struct job *j, struct err *err)
{
    char whole[UUID_TEXT];
    own(db_done) struct sqlite3_stmt *stmt = NULL;
    if (!uuid_valid(id)) {
        if (find_job(s, id, whole, err) < 0)
            return -1;
        id = whole;
    }
    const struct bind values[] = {TEXT(id)};
    if (db_ask(s, SQL_JOB_GET, values, COUNT(values), &stmt, err) < 0)
        return -1;
    int rc = db_next(s, stmt, err);
    if (rc == 0)
        return err_set(err, CODE_NOINPUT, "there is no job %s; execdm-status --list shows all", id);
    if (rc < 0)
        return -1;
    struct job row = {
        .attempt = (int)db_int(stmt, 2),
        .created = db_int(stmt, 8),
        .started = db_int(stmt, 9),
        .ended = db_int(stmt, 10),
        .destruction = db_int(stmt, 11),
    };
    snprintf(row.id, sizeof(row.id), "%s", db_text(stmt, 0));
    if (phase_parse(db_text(stmt, 1), &row.phase) < 0)
        return err_set(err, CODE_BUG, "job store: job %s has no known phase", id);
    if (db_doc(stmt, 12, &row.doc, err) < 0)
        return -1;
    row.name = str_new(db_text(stmt, 3));
    row.owner = str_new(db_text(stmt, 4));
    row.platform = str_new(db_text(stmt, 5));
    row.driver = str_new(db_text(stmt, 6));
    row.wish = str_new(db_text(stmt, 7));
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
    return db_run(s, SQL_JOB_SAVE, values, COUNT(values), err);
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
        rc = add_event(s, j, phase_event_name(event), now, by, why, err) < 0 ||
                     link_queue(s, j, before, now, err) < 0
                 ? -1
                 : 1;
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

int store_job_told(struct store *s, const struct job *j, const char *event, int64_t now,
                   const char *by, const char *why, struct err *err)
{
    return add_event(s, j, event, now, by, why, err);
}

int store_job_amend(struct store *s, const struct job *j, int64_t now, const char *event,
                    const char *by, const char *why, struct err *err)
{
    own(str_fini) char *doc = write_string(j->doc);
    const struct bind values[] = {TEXT(j->id),
                                  TEXT(j->name),
                                  TEXT(j->platform),
                                  TEXT(j->driver),
                                  NUMBER(j->destruction),
                                  TEXT(doc),
                                  TEXT(phase_name(j->phase)),
                                  NUMBER(j->attempt)};
    const int rc = db_run(s, SQL_JOB_AMEND, values, COUNT(values), err);
    return rc > 0 && add_event(s, j, event, now, by, why, err) < 0 ? -1 : rc;
}

int store_job_wish(struct store *s, const char *id, const char *wish, struct err *err)
{
    const struct bind values[] = {TEXT(id), TEXT(wish)};
    return db_run(s, SQL_JOB_WISH, values, COUNT(values), err) < 0 ? -1 : 0;
}

char *store_job_wished(struct store *s, const char *id)
{
    own(db_done) struct sqlite3_stmt *stmt = NULL;
    struct err ignored;
    const struct bind values[] = {TEXT(id)};
    if (db_ask(s, SQL_JOB_WISHED, values, COUNT(values), &stmt, &ignored) < 0 ||
        db_next(s, stmt, &ignored) <= 0)
        return NULL;
    return str_new(db_text(stmt, 0));
}

int store_job_delete(struct store *s, const char *id, struct err *err)
{
    const struct bind values[] = {TEXT(id)};
    if (db_run(s, SQL_EVENTS_DELETE, values, COUNT(values), err) < 0 ||
        store_booking_drop(s, id, err) < 0 || link_forget(s, id, err) < 0 ||
        db_run(s, SQL_JOB_DELETE, values, COUNT(values), err) < 0)
        return -1;
    return 0;
}

static int list_ids(struct store *s, enum sql which, struct strs *ids, struct err *err)
{
    own(db_done) struct sqlite3_stmt *stmt = NULL;
    if (db_ask(s, which, NULL, 0, &stmt, err) < 0)
        return -1;
    int rc;
    while ((rc = db_next(s, stmt, err)) > 0)
        strs_add(ids, db_text(stmt, 0));
    return rc;
}

int store_jobs(struct store *s, bool live, struct strs *ids, struct err *err)
{
    return list_ids(s, live ? SQL_JOBS_LIVE : SQL_JOBS, ids, err);
}

int store_jobs_wished(struct store *s, struct strs *ids, struct err *err)
{
    return list_ids(s, SQL_JOBS_WISHED, ids, err);
}

int store_jobs_changed(struct store *s, int64_t *seen,
                       void (*each)(void *context, const char *job, enum phase now), void *context,
                       struct err *err)
{
    own(db_done) struct sqlite3_stmt *stmt = NULL;
    const struct bind values[] = {NUMBER(*seen)};
    if (db_ask(s, SQL_EVENTS_AFTER, values, COUNT(values), &stmt, err) < 0)
        return -1;
    int rc;
    while ((rc = db_next(s, stmt, err)) > 0) {
        enum phase phase;
        *seen = db_int(stmt, 0);
        if (phase_parse(db_text(stmt, 2), &phase) == 0)
            each(context, db_text(stmt, 1), phase);
    }
    return rc;
}

int store_events_last(struct store *s, int64_t *last, struct err *err)
{
    own(db_done) struct sqlite3_stmt *stmt = NULL;
    if (db_ask(s, SQL_EVENTS_LAST, NULL, 0, &stmt, err) < 0 || db_next(s, stmt, err) < 0)
        return -1;
    *last = db_int(stmt, 0);
    return 0;
}

json_t *store_events(struct store *s, const char *id, struct err *err)
{
    own(db_done) struct sqlite3_stmt *stmt = NULL;
    own(json_fini) json_t *list = json_array();
    const struct bind values[] = {TEXT(id)};
    if (db_ask(s, SQL_EVENTS, values, COUNT(values), &stmt, err) < 0)
        return NULL;
    int rc;
    while ((rc = db_next(s, stmt, err)) > 0) {
        char time[WHEN_TEXT];
        moment_print(db_int(stmt, 0), time);
        json_t *row = json_pack("{s:s,s:s,s:s}", "phase", db_text(stmt, 1), "time", time, "by",
                                db_text(stmt, 2));
        if (db_text(stmt, 3))
            json_object_set_new(row, "why", json_string(db_text(stmt, 3)));
        json_array_append_new(list, row);
    }
    return rc < 0 ? NULL : move(list);
}
