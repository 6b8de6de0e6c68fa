#include "job/trigger.h"
#include "model/signal.h"
#include "net/exchange.h"
#include "store/link.h"
#include "text/uri.h"
#include "text/write.h"

#define DEADLINE_MS 30000

void firing_fini(struct firing *f)
{
    free(f->trigger);
    free(f->said);
    *f = (struct firing){0};
}

static const json_t *find(const struct job *j, const char *name)
{
    size_t i;
    json_t *trigger;
    json_array_foreach (json_object_get(j->doc, "triggers"), i, trigger)
        if (str_same(json_text(trigger, "name"), name))
            return trigger;
    return NULL;
}

/* Times of the window, ms; its last second is in it. */
static int64_t opens(const struct job *j)
{
    return json_int(json_object_get(j->doc, "private"), "from", 0) * 1000;
}

static int64_t closes(const struct job *j)
{
    return json_int(json_object_get(j->doc, "private"), "to", 0) * 1000 + 999;
}

/* --- a call --- */

/* Why the call has no effect, or NULL. */
static const char *idle(const struct job *j, const struct firing *f, int64_t now)
{
    const bool starts = str_same(f->action, ACTION_START);
    if (!f->action)
        return "no condition of it is met, so nothing changes";
    if (phase_terminal(j->phase))
        return "the job has ended, so nothing changes";
    if (starts && j->phase != PHASE_PENDING && j->phase != PHASE_HELD)
        return "the job was started before, so nothing changes";
    if (starts && now > closes(j))
        return "the start window is closed, so nothing changes";
    return NULL;
}

/* The caller frees. */
static char *effect(struct store *store, const struct job *j, const struct firing *f, int64_t now)
{
    struct err ignored = {0};
    own(str_fini) char *others = trigger_awaited(store, j, &ignored);
    if (str_same(f->action, ACTION_CANCEL))
        return str_new("recorded; the job is cancelled");
    if (others)
        return str_print("recorded; the job waits for %s, too", others);
    return str_new(now < opens(j) ? "recorded; the job starts when its window opens"
                                  : "recorded; the job starts");
}

/* "status: COMPLETED", for the event log: as much of it as a line holds. The caller frees. */
static char *values_text(const json_t *trigger, const json_t *values)
{
    own(buf_fini) struct buf b = {0};
    size_t i;
    json_t *condition;
    json_array_foreach (json_object_get(json_object_get(trigger, "spec"), "conditions"), i,
                        condition) {
        const char *name = json_text(condition, "name");
        const json_t *value = json_object_get(values, name);
        own(str_fini) char *text = value ? signal_text(value) : NULL;
        own(str_fini) char *part = text ? str_print("%.60s: %.60s", name, text) : NULL;
        if (part && !(b.bytes && strstr(b.bytes, part)))
            buf_print(&b, "%s%s", b.len ? ", " : "", part);
    }
    return b.len ? buf_take(&b) : str_new("");
}

/* In a transaction: 1 when something was written. */
static int record(struct store *store, const struct job *j, const json_t *trigger,
                  const json_t *values, int64_t now, struct firing *f, struct err *err)
{
    const char *why = idle(j, f, now);
    int rc = why ? 0 : link_fired(store, j->id, f->trigger, f->action, now, err);
    if (rc <= 0) {
        f->said = str_new(why ? why : "it was called so before, so nothing more changes");
        return rc;
    }
    own(str_fini) char *text = values_text(trigger, values);
    own(str_fini) char *by = str_print("trigger %s", f->trigger);
    own(str_fini) char *event = str_print("%s (%s)", f->action, text);
    if (store_job_told(store, j, "trigger", now, by, event, err) < 0 ||
        (str_same(f->action, ACTION_CANCEL) && store_job_wish(store, j->id, "abort", err) < 0))
        return -1;
    f->taken = true;
    f->said = effect(store, j, f, now);
    return 1;
}

/* The job is read in the transaction: what it waits for is as it is written down. */
static int call_here(struct store *store, const char *id, const char *name, const json_t *values,
                     int64_t now, struct firing *f, struct err *err)
{
    own(job_fini) struct job j = {0};
    if (store_begin(store, true, err) < 0)
        return -1;
    int rc = store_job_get(store, id, &j, err);
    const json_t *trigger = rc < 0 ? NULL : find(&j, name);
    if (rc == 0 && !trigger)
        rc = err_set(err, CODE_NOINPUT, "job %s has no trigger \"%s\"", j.id, name);
    if (rc == 0) {
        *f = (struct firing){.trigger = str_new(name), .action = signal_action(trigger, values)};
        snprintf(f->job, sizeof(f->job), "%s", j.id);
        rc = record(store, &j, trigger, values, now, f, err);
    }
    if (rc > 0)
        return store_commit(store, err);
    store_rollback(store);
    return rc;
}

static const char *name_of(const json_t *private, const char *secret)
{
    const char *name, *found = NULL;
    json_t *value;
    json_object_foreach (json_object_get(private, "secrets"), name, value)
        if (signal_secret_same(json_string_value(value), secret))
            found = name;
    return found;
}

static int unknown(struct err *err)
{
    return err_set(err, CODE_NOINPUT, "there is no such trigger in this store");
}

/* Is it one of an offer that nobody has accepted? */
static int not_accepted(struct store *store, const char *id, const char *secret, struct err *err)
{
    own(offer_row_fini) struct offer_row row = {0};
    struct err none = {0};
    if (store_offer_get(store, id, &row, &none) < 0)
        return none.code == CODE_NOINPUT ? unknown(err) : (*err = none, -1);
    const char *name = name_of(json_object_get(row.doc, "private"), secret);
    return !name ? unknown(err)
                 : err_set(err, CODE_CONFLICT, "%s is a trigger of offer %s, which is no job", name,
                           id);
}

int trigger_call(struct store *store, const char *endpoint, const json_t *values, int64_t now,
                 struct firing *f, struct err *err)
{
    char id[UUID_TEXT], secret[SECRET_TEXT];
    own(job_fini) struct job j = {0};
    struct err none = {0};
    if (!signal_token_parse(endpoint, id, secret))
        return unknown(err);
    if (store_job_get(store, id, &j, &none) < 0)
        return none.code == CODE_NOINPUT ? not_accepted(store, id, secret, err) : (*err = none, -1);
    const char *name = name_of(json_object_get(j.doc, "private"), secret);
    return name ? call_here(store, id, name, values, now, f, err) : unknown(err);
}

/* Of a job elsewhere: as everybody does, at its endpoint. */
static int call_there(const struct job *j, const char *name, const json_t *values, struct firing *f,
                      struct err *err)
{
    own(str_fini) char *body = write_string(values);
    const json_t *trigger = find(j, name);
    const char *endpoint = json_text(json_object_get(trigger, "spec"), "endpoint");
    if (!endpoint)
        return err_set(err, CODE_NOINPUT, "job %s has no trigger \"%s\"", j->id, name);
    own(str_fini) char *url = uri_resolve(json_text(j->doc, "url"), endpoint);
    own(exchange_fini) struct exchange x = {.method = "POST",
                                            .url = url,
                                            .body = body,
                                            .type = "application/json",
                                            .deadline_ms = DEADLINE_MS};
    struct exchange *one = &x;
    exchange_start(&x);
    exchange_wait(&one, 1);
    if (exchange_done(&x, err) < 0)
        return -1;
    *f = (struct firing){.trigger = str_new(name),
                         .action = signal_action(trigger, values),
                         .taken = true,
                         .said = str_new("received by the worker elsewhere")};
    snprintf(f->job, sizeof(f->job), "%s", j->id);
    return 0;
}

int trigger_call_named(struct store *store, const char *id, const char *name, const json_t *values,
                       int64_t now, struct firing *f, struct err *err)
{
    own(job_fini) struct job j = {0};
    if (store_job_get(store, id, &j, err) < 0)
        return -1;
    return job_remote(&j) ? call_there(&j, name, values, f, err)
                          : call_here(store, j.id, name, values, now, f, err);
}

/* --- for the worker --- */

char *trigger_awaited(struct store *store, const struct job *j, struct err *err)
{
    own(buf_fini) struct buf b = {0};
    own(json_fini) json_t *firings = NULL;
    size_t i;
    json_t *trigger;
    json_array_foreach (json_object_get(j->doc, "triggers"), i, trigger) {
        const char *name = json_text(trigger, "name");
        if (!signal_starts(trigger))
            continue;
        if (!firings && !(firings = link_firings(store, j->id, err)))
            return NULL;
        if (!json_object_get(json_object_get(firings, ACTION_START), name))
            buf_print(&b, "%s%s", b.len ? ", " : "", name);
    }
    return b.len ? buf_take(&b) : NULL;
}

char *trigger_reason(struct store *store, const struct job *j)
{
    struct err ignored = {0};
    own(json_fini) json_t *firings = link_firings(store, j->id, &ignored);
    const char *name;
    json_t *time;
    json_object_foreach (json_object_get(firings, ACTION_CANCEL), name, time)
        return str_print("cancelled by the trigger %s", name);
    return str_new("aborted by its owner");
}
