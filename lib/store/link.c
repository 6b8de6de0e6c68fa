#include "store/link.h"
#include "model/signal.h"
#include "store/db.h"
#include "text/write.h"

/* --- triggers --- */

int link_fired(struct store *s, const char *job, const char *trigger, const char *action,
               int64_t now, struct err *err)
{
    const struct bind values[] = {TEXT(job), TEXT(trigger), TEXT(action), NUMBER(now)};
    return db_run(s, SQL_FIRING_ADD, values, COUNT(values), err);
}

json_t *link_firings(struct store *s, const char *job, struct err *err)
{
    own(db_done) struct sqlite3_stmt *rows = NULL;
    own(json_fini) json_t *found = json_pack("{s:{},s:{}}", ACTION_START, ACTION_CANCEL);
    const struct bind values[] = {TEXT(job)};
    if (db_ask(s, SQL_FIRINGS, values, COUNT(values), &rows, err) < 0)
        return NULL;
    int rc;
    while ((rc = db_next(s, rows, err)) > 0)
        json_object_set_new(json_object_get(found, db_text(rows, 1)), db_text(rows, 0),
                            json_integer(db_int(rows, 2)));
    return rc < 0 ? NULL : move(found);
}

/* --- callouts --- */

/* While a backend cannot be asked the last word stays: the job was running. */
static const char *status_of(enum phase p)
{
    return p == PHASE_UNKNOWN ? phase_status(PHASE_EXECUTING) : phase_status(p);
}

int link_queue(struct store *s, const struct job *j, enum phase before, int64_t now,
               struct err *err)
{
    const char *status = status_of(j->phase);
    const json_t *callouts = json_object_get(j->doc, "callouts");
    size_t i;
    json_t *callout;
    if (job_remote(j) || !status || str_same(status, status_of(before)))
        return 0;
    json_array_foreach (callouts, i, callout) {
        own(json_fini) json_t *message = signal_message(callout, j, status, when_of_ms(now));
        own(str_fini) char *text = message ? write_string(message) : NULL;
        const struct bind values[] = {TEXT(j->id), TEXT(json_text(callout, "name")), NUMBER(now),
                                      TEXT(text)};
        if (message && db_run(s, SQL_CALLOUT_ADD, values, COUNT(values), err) < 0)
            return -1;
    }
    return 0;
}

int link_forget(struct store *s, const char *job, struct err *err)
{
    const struct bind values[] = {TEXT(job)};
    return db_run(s, SQL_FIRINGS_DROP, values, COUNT(values), err) < 0 ||
                   db_run(s, SQL_CALLOUTS_DROP, values, COUNT(values), err) < 0
               ? -1
               : 0;
}

void callouts_free(struct callout *list, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        free(list[i].name);
        json_decref(list[i].doc);
    }
    free(list);
}

int link_due(struct store *s, int64_t now, size_t most, struct callout **list, size_t *n,
             struct err *err)
{
    own(db_done) struct sqlite3_stmt *rows = NULL;
    struct callout *found = NULL;
    size_t count = 0;
    const struct bind values[] = {NUMBER(now), NUMBER((int64_t)most)};
    int rc = db_ask(s, SQL_CALLOUTS_DUE, values, COUNT(values), &rows, err);
    while (rc >= 0 && (rc = db_next(s, rows, err)) > 0) {
        found = mem_grow(found, count + 1, sizeof(*found));
        struct callout *c = &found[count];
        *c = (struct callout){.seq = db_int(rows, 0),
                              .number = db_int(rows, 3),
                              .time = db_int(rows, 4),
                              .tries = (int)db_int(rows, 5)};
        if ((rc = db_doc(rows, 6, &c->doc, err)) < 0)
            break;
        snprintf(c->job, sizeof(c->job), "%s", db_text(rows, 1));
        c->name = str_new(db_text(rows, 2));
        count++;
    }
    if (rc < 0) {
        callouts_free(found, count);
        return -1;
    }
    *list = found;
    *n = count;
    return 0;
}

int link_next(struct store *s, int64_t now, int64_t *due, struct err *err)
{
    own(db_done) struct sqlite3_stmt *rows = NULL;
    const struct bind values[] = {NUMBER(now)};
    if (db_ask(s, SQL_CALLOUTS_NEXT, values, COUNT(values), &rows, err) < 0)
        return -1;
    int rc = db_next(s, rows, err);
    if (rc > 0)
        *due = db_int(rows, 0);
    return rc;
}

static int settle(struct store *s, const struct callout *c, enum link_end end, int64_t now,
                  const char *why, struct err *err)
{
    static const char *const states[] = {
        [LINK_SENT] = "sent", [LINK_FAILED] = "failed", [LINK_AGAIN] = "waiting"};
    const struct bind values[] = {NUMBER(c->seq), TEXT(states[end]), NUMBER(now), TEXT(why)};
    const struct bind one[] = {NUMBER(c->seq)};
    return db_run(s, SQL_CALLOUT_SETTLE, values, COUNT(values), err) < 0 ||
                   db_run(s, SQL_CALLOUT_ORPHAN, one, COUNT(one), err) < 0
               ? -1
               : 0;
}

int link_settle(struct store *s, const struct callout *c, enum link_end end, int64_t now,
                const char *why, struct err *err)
{
    if (store_begin(s, end == LINK_FAILED, err) < 0)
        return -1;
    if (settle(s, c, end, now, why, err) == 0)
        return store_commit(s, err);
    store_rollback(s);
    return -1;
}

int link_failures(struct store *s, const char *job, json_t *texts, struct err *err)
{
    own(db_done) struct sqlite3_stmt *rows = NULL;
    const struct bind values[] = {TEXT(job)};
    if (db_ask(s, SQL_CALLOUTS_FAILED, values, COUNT(values), &rows, err) < 0)
        return -1;
    int rc;
    while ((rc = db_next(s, rows, err)) > 0)
        json_array_append_new(texts, json_sprintf("%s, call %lld: %s", db_text(rows, 0),
                                                  (long long)db_int(rows, 1), db_text(rows, 2)));
    return rc;
}
