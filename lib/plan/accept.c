#include "plan/accept.h"
#include "model/signal.h"
#include "model/value.h"
#include "plan/afar.h"
#include "plan/calendar.h"
#include "plan/upload.h"
#include "store/link.h"

#define KEPT_S (30 * 86400) /* how long results are kept when nobody says otherwise */

static const char *offer_start(const json_t *offer)
{
    const char *start = json_text(json_array_get(json_object_get(offer, "datetime"), 0), "start");
    return start ? start : "";
}

static double offer_size(const json_t *offer)
{
    const json_t *compute = json_object_get(json_object_get(offer, "resources"), "compute");
    const json_t *spec = json_object_get(json_array_get(compute, 0), "spec");
    return json_number_value(json_object_get(spec, "maxcores")) * 1e6 +
           json_number_value(json_object_get(spec, "maxmemory"));
}

/* Is a better than b? Equal is not: the first in the list wins. Canonical times sort as text. */
static bool is_better(const json_t *a, const json_t *b, const char *prefer)
{
    if (str_same(prefer, "largest"))
        return offer_size(a) > offer_size(b);
    return strcmp(offer_start(a), offer_start(b)) < 0;
}

json_t *accept_choose(json_t *answer, const char *which, const char *prefer, struct err *err)
{
    size_t i;
    json_t *offer, *best = NULL;
    char *end;
    unsigned long number = which ? strtoul(which, &end, 10) : 0;
    json_array_foreach (json_object_get(answer, "offers"), i, offer) {
        bool meant = which && (str_same(which, json_text(offer, "id")) ||
                               str_same(which, json_text(offer, "name")) ||
                               (*end == '\0' && number == i + 1));
        if (meant)
            return offer;
        if (!which && (!best || is_better(offer, best, prefer)))
            best = offer;
    }
    if (which)
        err_set(err, CODE_NOINPUT, "the answer has no offer \"%s\"", which);
    else if (!best)
        err_set(err, CODE_NO, "the answer is NO");
    return best;
}

/* The job as its offer describes it. `start` is the slot that was booked. */
static void make_job(const struct offer_row *row, const char *id, int64_t start, int64_t now,
                     struct job *job)
{
    const json_t *offer = json_object_get(row->doc, "offer");
    const json_t *private = json_object_get(row->doc, "private");
    const json_t *datetime = json_array_get(json_object_get(offer, "datetime"), 0);
    int64_t length = json_int(private, "length", 0);
    *job = (struct job){.phase = PHASE_PENDING, .created = now};
    snprintf(job->id, sizeof(job->id), "%s", id);
    job->name = str_new(json_text(offer, "task"));
    job->owner = str_new(json_text(json_object_get(private, "policy"), "identity"));
    job->platform = str_new(row->platform);
    job->driver = str_new(json_text(private, "driver"));
    job->destruction = (start + length + KEPT_S) * 1000;
    job->doc = json_pack(
        "{s:s,s:s*,s:n,s:O,s:O,s:O,s:O*,s:O*,s:O*,s:O}", "offer", row->id, "executionduration",
        json_text(datetime, "maxduration"), "url", "executable",
        json_object_get(offer, "executable"), "resources", json_object_get(offer, "resources"),
        "datetime", json_object_get(offer, "datetime"), "advisory",
        json_object_get(offer, "advisory"), "triggers", json_object_get(offer, "triggers"),
        "callouts", json_object_get(offer, "callouts"), "private", private);
}

/* Room may have gone since the offer was made: looked at again, inside the transaction. */
static int book(struct store *store, const struct offer_row *row, const char *id, int64_t now,
                int64_t *start, struct err *err)
{
    const json_t *p = json_object_get(row->doc, "private");
    own(calendar_close) struct calendar calendar = {0};
    int64_t from = json_int(p, "from", 0), to = json_int(p, "latest", 0);
    int64_t length = json_int(p, "length", 0);
    const struct room need = room_of(json_object_get(p, "need"));
    const struct room all = room_of(json_object_get(p, "capacity"));
    if (from < now / 1000)
        from = now / 1000;
    if (from <= to &&
        json_is_true(json_object_get(p, "held"))) { /* all of its window (Planner 2.5.1) */
        length += to - from;
        to = from;
    }
    if (calendar_open(&calendar, store, row->platform, all, now / 1000, err) < 0)
        return -1;
    *start = calendar_fit(&calendar, need, from, to, length, NULL);
    if (calendar_check(&calendar, err) < 0)
        return -1;
    if (*start < 0)
        return err_set(err, CODE_CONFLICT,
                       "the room of offer %s is gone; ask again with "
                       "execdm-plan",
                       row->id);
    struct booking b = {
        .start = *start, .end = *start + length, .latest = json_int(p, "to", 0), .room = need};
    snprintf(b.job, sizeof(b.job), "%s", id);
    return store_booking_set(store, row->platform, &b, err);
}

/* Is it still good? One made later than now by more than it lives was made before the clock was set
 * back: it would be good for longer than anybody meant. */
static int check_time(const struct offer_row *row, int64_t now, struct err *err)
{
    char text[WHEN_TEXT];
    if (row->expires < now)
        return err_set(err, CODE_CONFLICT, "offer %s expired at %s; ask again with execdm-plan",
                       row->id, when_print(when_of_ms(row->expires), text));
    if (now < row->created - (row->expires - row->created))
        return err_set(err, CODE_CONFLICT,
                       "offer %s was made at %s, which is still to come: the clock was set back; "
                       "ask again with execdm-plan",
                       row->id, when_print(when_of_ms(row->created), text));
    return 0;
}

/* What the offer has to be still, and its room: in the transaction. */
static int take(struct store *store, const struct offer_row *row, const char *id, int64_t now,
                int64_t *start, struct err *err)
{
    const json_t *private = json_object_get(row->doc, "private");
    return check_time(row, now, err) < 0 || policy_accept(store, private, now / 1000, err) < 0 ||
                   book(store, row, id, now, start, err) < 0 ||
                   upload_mark(store, upload_of(private), id, err) < 0 ||
                   store_offer_accept(store, row, err) < 0
               ? -1
               : 0;
}

/* An offer does not change once it is made; whether it was accepted does. */
static int accept_now(struct store *store, const struct offer_row *row, int64_t now,
                      struct job *job, struct err *err)
{
    char taken[UUID_TEXT];
    int64_t start;
    int rc = store_offer_accepted(store, row->answer, taken, err);
    if (rc != 0)
        return rc < 0 ? -1 : store_job_get(store, taken, job, err);
    if (take(store, row, row->id, now, &start, err) < 0)
        return -1;
    make_job(row, row->id, start, now, job);
    return store_job_add(store, job, "owner", "offer accepted", err);
}

int accept_offer(struct store *store, const char *id, const struct identity *who, int64_t now,
                 struct job *job, struct err *err)
{
    struct job made = {0};
    own(offer_row_fini) struct offer_row row = {0};
    if (store_offer_get(store, id, &row, err) < 0)
        return -1;
    if (afar_is(&row)) /* no transaction is kept open for the other side's answer */
        return afar_accept(store, &row, job, err);
    /* what needs no transaction is done before it: the others wait for their turn */
    if (policy_theirs(json_object_get(row.doc, "private"), who, err) < 0 ||
        store_begin(store, true, err) < 0)
        return -1;
    if (accept_now(store, &row, now, &made, err) < 0) {
        store_rollback(store);
        job_fini(&made);
        return -1;
    }
    if (store_commit(store, err) < 0) {
        job_fini(&made);
        return -1;
    }
    *job = made;
    return 0;
}

/* --- drafts --- */

/* It may run for less than the offer says. */
static void take_limit(struct offer_row *row, const json_t *draft)
{
    json_t *private = json_object_get(row->doc, "private");
    const int64_t limit = json_int(draft, "limit", 0), length = json_int(private, "length", 0);
    if (limit > 0 && limit < length)
        json_object_set_new(private, "length", json_integer(limit));
}

/* Endpoints have the id of their offer in them: here it is another's. */
static void name_triggers(struct job *j, const char *offer)
{
    const json_t *secrets = json_object_get(json_object_get(j->doc, "private"), "secrets");
    own(json_fini) json_t *list = json_deep_copy(json_object_get(j->doc, "triggers"));
    size_t i;
    json_t *trigger;
    json_array_foreach (list, i, trigger) {
        json_t *spec = json_object_get(trigger, "spec");
        const char *secret = json_text(secrets, json_text(trigger, "name"));
        const char *endpoint = json_text(spec, "endpoint");
        char before[TOKEN_TEXT], after[TOKEN_TEXT];
        if (!secret || !endpoint)
            continue;
        signal_token(offer, secret, before);
        signal_token(j->id, secret, after);
        const char *at = strstr(endpoint, before);
        if (at)
            json_object_set_new(spec, "endpoint",
                                json_sprintf("%.*s%s", (int)(at - endpoint), endpoint, after));
    }
    if (list)
        json_object_set(j->doc, "triggers", list);
}

/* What was the draft's own stays. */
static void keep_draft(struct job *j, const struct job *draft, const char *offer)
{
    static const char *const keys[] = {"runid", "parameters"};
    const json_t *private = json_object_get(draft->doc, "private");
    for (size_t i = 0; i < COUNT(keys); i++)
        if (json_object_get(draft->doc, keys[i]))
            json_object_set(j->doc, keys[i], json_object_get(draft->doc, keys[i]));
    j->created = draft->created;
    if (json_is_true(json_object_get(private, "destruction")))
        j->destruction = draft->destruction;
    if (draft->name) {
        free(j->name);
        j->name = str_new(draft->name);
    }
    if (json_int(private, "limit", 0) > 0) {
        char text[WHEN_TEXT];
        const json_t *now = json_object_get(j->doc, "private");
        duration_print(duration_of(json_int(now, "length", 0)), text);
        json_object_set_new(j->doc, "executionduration", json_string(text));
    }
    name_triggers(j, offer);
}

/* Does nothing but its turn keep it from running? */
static bool is_open(const struct job *j, int64_t now)
{
    const json_t *private = json_object_get(j->doc, "private");
    size_t i;
    json_t *trigger;
    json_array_foreach (json_object_get(j->doc, "triggers"), i, trigger)
        if (signal_starts(trigger))
            return false;
    return now >= json_int(private, "from", 0) * 1000;
}

int accept_draft(struct store *store, const struct job *planned, const char *offer,
                 const struct identity *who, int64_t now, struct job *job, struct err *err)
{
    const char *id = planned->id;
    own(offer_row_fini) struct offer_row row = {0};
    own(job_fini) struct job draft = {0}, made = {0};
    int64_t start;
    if (store_offer_get(store, offer, &row, err) < 0 ||
        policy_theirs(json_object_get(row.doc, "private"), who, err) < 0 ||
        store_job_get(store, id, &draft, err) < 0)
        return -1;
    if (!job_draft(&draft) || draft.phase != PHASE_PENDING)
        return err_set(err, CODE_CONFLICT, "job %s is %s, and was planned before", id,
                       phase_name(draft.phase));
    if (!job_same_draft(&draft, planned))
        return err_set(err, CODE_TEMP, "the task of job %s was changed meanwhile; try again", id);
    take_limit(&row, json_object_get(draft.doc, "private"));
    if (take(store, &row, id, now, &start, err) < 0)
        return -1;
    make_job(&row, id, start, now, &made);
    keep_draft(&made, &draft, row.id);
    const int rc = store_job_amend(store, &made, now, "run", "owner", "offer accepted", err);
    if (rc <= 0)
        return rc < 0 ? -1 : err_set(err, CODE_TEMP, "job %s moved on meanwhile; try again", id);
    if (link_queue(store, &made, PHASE_ARCHIVED, now, err) < 0)
        return -1;
    /* who told it to run sees that it is under way (UWS 1.1, 2.1.3) */
    if (is_open(&made, now) &&
        store_job_step(store, &made, EVENT_OPEN, BY_WORKER, now, "planner", NULL, err) < 0)
        return -1;
    *job = made;
    made = (struct job){0};
    return 0;
}

char *accept_differences(struct store *store, const json_t *copy, struct err *err)
{
    own(offer_row_fini) struct offer_row row = {0};
    own(buf_fini) struct buf keys = {0};
    const char *key;
    json_t *value;
    if (store_offer_get(store, json_text(copy, "id"), &row, err) < 0)
        return NULL;
    json_object_foreach (json_object_get(row.doc, "offer"), key, value) {
        const json_t *said = json_object_get(copy, key);
        if (said && !value_same(said, value)) /* 2 and 2.0 are the same */
            buf_print(&keys, "%s%s", keys.len ? ", " : "", key);
    }
    return keys.len ? buf_take(&keys) : NULL;
}
