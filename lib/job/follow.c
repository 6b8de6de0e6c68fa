#include "host/clock.h"
#include "job/follow.h"
#include "net/remote.h"

#define AT_ONCE 16 /* exchanges */

static const char *url_of(const struct job *j)
{
    return json_text(j->doc, "url");
}

/* Writes down what was seen of j, which the store has in phase `before`. Somebody else who looked
 * meanwhile has seen as much. */
static int write_down(struct store *store, struct job *j, enum phase before, struct err *err)
{
    if (store_begin(store, phase_terminal(j->phase), err) < 0)
        return -1;
    if (store_job_note(store, j, before, clock_ms(), err) < 0) {
        store_rollback(store);
        return -1;
    }
    return store_commit(store, err);
}

/* What an exchange about j came to. 1: seen; 0: not seen, *why says why; -1 the store failed. */
static int take(struct store *store, struct job *j, const struct exchange *x, struct err *why,
                struct err *err)
{
    const enum phase before = j->phase;
    own(json_fini) json_t *doc = remote_read(x, why);
    if (doc)
        job_seen(j, doc, clock_ms());
    else if (str_same(why->text, json_text(j->doc, "trouble")))
        return 0; /* known already */
    else
        json_object_set_new(j->doc, "trouble", json_string(why->text));
    if (write_down(store, j, before, err) < 0)
        return -1;
    return doc ? 1 : 0;
}

struct looking {
    struct job job;
    struct exchange exchange;
};

static void looking_fini(struct looking *l)
{
    exchange_fini(&l->exchange);
    job_fini(&l->job);
}

static int look_at(struct store *store, struct looking *list, size_t n, struct err *err)
{
    struct exchange *exchanges[AT_ONCE] = {NULL};
    int rc = 0;
    for (size_t i = 0; i < n; i++)
        exchanges[i] = &list[i].exchange;
    exchange_wait(exchanges, n);
    for (size_t i = 0; i < n; i++) {
        struct err why = {0};
        if (rc == 0 && take(store, &list[i].job, exchanges[i], &why, err) < 0)
            rc = -1;
        looking_fini(&list[i]);
    }
    return rc;
}

int follow_look(struct store *store, const struct strs *ids, int64_t wait_ms, struct err *err)
{
    struct looking list[AT_ONCE];
    size_t n = 0;
    int rc = 0;
    for (size_t i = 0; i < ids->n && rc == 0; i++) {
        struct looking *l = &list[n];
        struct err none = {0};
        *l = (struct looking){0};
        if (store_job_get(store, ids->list[i], &l->job, &none) < 0) /* told by who asks for it */
            continue;
        if (!job_remote(&l->job) || phase_terminal(l->job.phase)) {
            job_fini(&l->job);
            continue;
        }
        remote_look(&l->exchange, url_of(&l->job), wait_ms);
        if (++n == AT_ONCE) {
            rc = look_at(store, list, n, err);
            n = 0;
        }
    }
    return n && rc == 0 ? look_at(store, list, n, err) : rc;
}

/* How long to wait before looking again at a job of this age, in ms. */
static int64_t pause_of(const struct job *j, int64_t now)
{
    int64_t pause = (now - j->created) / 8;
    return pause < 300 ? 300 : pause > 10000 ? 10000 : pause;
}

int follow_step(struct step *s, struct job *j, int64_t *due, struct err *err)
{
    own(exchange_fini) struct exchange x = {.stop = s->stop, .context = s->context};
    struct exchange *one = &x;
    const enum phase before = j->phase;
    struct err why = {0};
    own(str_fini) char *what =
        str_print("%s at %s", phase_name(before), json_text(j->doc, "planner"));
    if (s->progress)
        s->progress(s->context, j, what, -1, -1);
    remote_look(&x, url_of(j), FOLLOW_MS);
    exchange_wait(&one, 1);
    if (x.run.stopped)
        return err_set(err, CODE_TEMP, "job %s was not looked at", j->id);
    int rc = take(s->store, j, &x, &why, err);
    if (rc == 0) {
        *err = why;
        return -1;
    }
    *due = clock_ms() + pause_of(j, clock_ms());
    return rc < 0 ? -1 : j->phase != before;
}

static void set_time(json_t *doc, const char *key, int64_t ms)
{
    char text[WHEN_TEXT];
    json_object_set_new(doc, key, json_string(moment_print(ms, text)));
}

json_t *follow_document(const struct job *j, json_t *history)
{
    static const char *const ours[] = {"offer", "url", "planner"};
    own(json_fini) json_t *named =
        json_pack("{s:O*}", "platform", json_object_get(j->doc, "platform"));
    own(json_fini) json_t *base = job_document(j, history, NULL);
    own(json_fini) json_t *doc = json_deep_copy(json_object_get(j->doc, "seen"));
    const char *trouble = json_text(j->doc, "trouble");
    json_object_set_new(doc, "id", json_string(j->id));
    json_object_update_missing(doc, named);
    json_object_update_missing(doc, base);
    for (size_t i = 0; i < COUNT(ours); i++)
        json_object_set(doc, ours[i], json_object_get(j->doc, ours[i]));
    set_time(doc, "seen", json_int(j->doc, "seen_at", 0));
    if (!trouble)
        return move(doc);
    own(str_fini) char *text = str_print("this is what was seen last, how it is now is not known: "
                                         "%s",
                                         trouble);
    if (!json_object_get(doc, "messages"))
        json_object_set_new(doc, "messages", json_array());
    json_array_append_new(
        json_object_get(doc, "messages"),
        json_pack("{s:s,s:s,s:s}", "severity", "warning", "rule", "not-seen", "text", text));
    return move(doc);
}

int follow_change(struct store *store, struct job *j, const char *verb, struct err *err)
{
    own(json_fini) json_t *doc = NULL;
    const enum phase before = j->phase;
    if (remote_change(url_of(j), verb, &doc, err) < 0)
        return -1;
    if (!doc) { /* deleted */
        if (store_begin(store, true, err) < 0)
            return -1;
        if (store_job_delete(store, j->id, err) == 0)
            return store_commit(store, err);
        store_rollback(store);
        return -1;
    }
    job_seen(j, doc, clock_ms());
    return write_down(store, j, before, err);
}
