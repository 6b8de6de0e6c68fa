#include "host/clock.h"
#include "model/secret.h"
#include "plan/answer.h"
#include "plan/nearest.h"
#include "plan/offer.h"
#include "plan/remote.h"
#include "plan/signals.h"
#include "store/seal.h"
#include "store/usage.h"
#include "text/pointer.h"

void answer_init(struct answer *a, const struct policy *policy)
{
    *a = (struct answer){.policy = policy,
                         .offers = json_array(),
                         .messages = json_array(),
                         .documents = json_object(),
                         .unknown = json_object()};
    clock_uuid(a->id);
}

void answer_fini(struct answer *a)
{
    json_decref(a->offers);
    json_decref(a->messages);
    json_decref(a->unknown);
    json_decref(a->documents);
    locations_fini(&a->locations);
    free(a->sealed);
    json_decref(a->secrets);
    *a = (struct answer){0};
}

json_t *answer_document(const struct answer *a)
{
    if (a->image_alone)
        return json_pack("{s:s,s:s*,s:O}", "result", a->digest[0] ? "YES" : "NO", "digest",
                         a->digest[0] ? a->digest : NULL, "messages", a->messages);
    return json_pack("{s:s,s:O,s:O}", "result", json_array_size(a->offers) ? "YES" : "NO", "offers",
                     a->offers, "messages", a->messages);
}

static void add_message(struct answer *a, const char *platform, const struct finding *f)
{
    json_t *message = finding_json(f);
    json_object_set_new(message, "platform", json_string(platform));
    json_array_append_new(a->messages, message);
}

void answer_message(struct answer *a, const char *platform, const char *rule, const char *text)
{
    own(findings_fini) struct findings one = {0};
    add_message(a, platform, finding_add(&one, FINDING_ERROR, rule, "", "%s", text));
}

/* One platform at work on one task. */
struct answering {
    struct answer *answer;
    struct store *store;
    const struct task *task;
    const struct platform *platform;
    int64_t now;               /* s */
    bool trial;                /* only asks: the first slot ends it, and nothing is stored */
    struct window found;       /* of a trial */
    struct calendar *calendar; /* borrowed, as is the quota */
    struct quota *quota;
    struct grant grant;
    struct findings findings; /* why not */
    struct findings over;     /* what the quota has not left for the smallest level */
    size_t made;              /* offers */
    struct err *err;
};

/* One requested period, and what was offered for it. */
struct wish {
    bool possible, over; /* over: there is room, but no quota */
    struct slot slot;
    struct {
        int64_t start, length, cores, memory;
    } * offered;
    size_t n;
};

/* Is there an offer that starts no later, and lets it have no less? Then this one is none. */
static bool is_redundant(const struct wish *wish, const struct slot *s, const struct level *l)
{
    for (size_t i = 0; i < wish->n; i++)
        if (wish->offered[i].start <= s->start && wish->offered[i].length >= s->length &&
            wish->offered[i].cores >= l->maxcores && wish->offered[i].memory >= l->maxmemory)
            return true;
    return false;
}

static void remember(struct wish *wish, const struct slot *s, const struct level *l)
{
    wish->offered = mem_grow(wish->offered, wish->n + 1, sizeof(*wish->offered));
    wish->offered[wish->n].start = s->start;
    wish->offered[wish->n].length = s->length;
    wish->offered[wish->n].cores = l->maxcores;
    wish->offered[wish->n++].memory = l->maxmemory;
}

/* What is secret of an offer is sealed with it, and shown to nobody; who runs the job opens it
 * again. */
static int seal_secrets(struct answering *w, struct offer_row *row)
{
    json_t *offer = json_object_get(row->doc, "offer");
    if (!json_any(offer, secret_is))
        return 0;
    own(json_fini) json_t *shown = json_deep_copy(offer); /* parts of it are the task's own */
    own(json_fini) json_t *secrets = secret_take(shown);
    if (!w->answer->sealed || !json_equal(secrets, w->answer->secrets)) {
        str_fini(&w->answer->sealed);
        json_decref(w->answer->secrets);
        w->answer->secrets = json_incref(secrets);
        w->answer->sealed = seal_document(w->store, row->answer, secrets, w->err);
    }
    if (!w->answer->sealed)
        return -1;
    json_object_set(row->doc, "offer", shown);
    json_object_set_new(json_object_get(row->doc, "private"), "sealed",
                        json_pack("{s:s,s:s}", "name", row->answer, "text", w->answer->sealed));
    return 0;
}

static int add_offer(struct answering *w, const struct slot *s, const struct level *l)
{
    const struct offering o = {w->task, w->platform,       &w->grant, l,
                               s,       w->answer->policy, w->quota,  w->store->dir};
    own(offer_row_fini) struct offer_row row = {.platform = str_new(w->platform->name)};
    snprintf(row.answer, sizeof(row.answer), "%s", w->answer->id);
    clock_uuid(row.id);
    const struct when now = {w->now, 0};
    row.created = when_to_ms(now);
    row.expires = when_to_ms(when_add(now, w->platform->lifetime));
    row.doc = offer_document(&o, &row, json_array_size(w->answer->offers) + 1);
    if (seal_secrets(w, &row) < 0 || store_offer_add(w->store, &row, w->err) < 0 ||
        usage_offer(w->store, row.platform, offer_need(l), s->length, w->platform->capacity.cores,
                    w->now, w->err) < 0)
        return -1;
    json_array_append(w->answer->offers, json_object_get(row.doc, "offer"));
    return 0;
}

/* How much of an amount of `need` is free in a slot, in steps above what is needed. */
static int64_t most_free(struct answering *w, const struct slot *s, const struct room *need,
                         int64_t *amount, int64_t most, int64_t step)
{
    const int64_t least = *amount;
    int64_t low = 0, high = (most - least + step - 1) / step;
    while (low < high) {
        const int64_t middle = low + (high - low + 1) / 2;
        const int64_t tried = least + middle * step;
        *amount = tried < most ? tried : most;
        if (calendar_fit(w->calendar, *need, s->start, s->start, slot_span(s), NULL) < 0)
            high = middle - 1;
        else
            low = middle;
    }
    return low == 0 ? least : least + low * step < most ? least + low * step : most;
}

/* What may be used beyond what is booked is what nobody else has booked (Planner 2.2.2), and what
 * the quota leaves. */
static struct level grown(struct answering *w, const struct slot *s, struct level l)
{
    struct room need = offer_need(&l);
    quota_cap(w->quota, need, &l.maxcores, &l.maxmemory);
    need.cores = l.maxcores;
    need.memory = l.maxmemory;
    if (calendar_fit(w->calendar, need, s->start, s->start, slot_span(s), NULL) == s->start)
        return l;
    const struct level whole = l;
    need = offer_need(&whole);
    l.maxcores = most_free(w, s, &need, &need.cores, whole.maxcores, 1000);
    need = offer_need(&whole);
    l.maxmemory = most_free(w, s, &need, &need.memory, whole.maxmemory, (int64_t)1 << 30);
    return l;
}

/* Is there quota for it? Why not is told of the first only, which is the smallest. */
static bool within_quota(struct answering *w, const struct slot *s, const struct level *level)
{
    struct findings more = {0};
    const bool ok = quota_allows(w->quota, offer_need(level), s->length, &more);
    if (w->over.n == 0)
        findings_move(&w->over, &more);
    findings_fini(&more);
    return ok;
}

/* One offer for one requested period at one level, never more than one slot in it (EP-67). */
static int answer_wish(struct answering *w, struct wish *wish, const struct level *level)
{
    struct slot s = wish->slot;
    if (!slot_place(&s, w->calendar, w->platform, offer_need(level)))
        return 0;
    if (!within_quota(w, &s, level)) {
        wish->over = true;
        return 0;
    }
    const struct level l = w->trial ? *level : grown(w, &s, *level);
    if (is_redundant(wish, &s, &l))
        return 0;
    remember(wish, &s, &l);
    w->made++;
    w->found = (struct window){{s.from, 0}, {s.latest, 0}, s.from == s.latest};
    return w->trial ? 0 : add_offer(w, &s, &l);
}

/* The smallest level for every period first: what is cut off at the end are the larger ones. */
static int answer_levels(struct answering *w, struct wish *wishes, size_t n)
{
    const size_t most = w->trial ? 1 : w->platform->maxoffers;
    for (size_t k = 0; k < w->grant.nlevels; k++)
        for (size_t i = 0; i < n && w->made < most; i++)
            if (wishes[i].possible && answer_wish(w, &wishes[i], &w->grant.levels[k]) < 0)
                return -1;
    return 0;
}

static int answer_wishes(struct answering *w)
{
    static const struct period any;
    const struct task *t = w->task;
    const size_t n = t->nrequests ? t->nrequests : 1;
    struct wish *wishes = mem_new(n * sizeof(*wishes));
    for (size_t i = 0; i < n; i++) {
        own(str_fini) char *pointer = t->nrequests ? str_print("/datetime/%zu", i) : str_new("");
        wishes[i].possible = slot_init(&wishes[i].slot, t->nrequests ? &t->requests[i] : &any,
                                       w->platform, w->grant.maxduration, w->now,
                                       w->answer->policy->grace, pointer, &w->findings);
        wishes[i].slot.held = signals_wait(t);
    }
    const int rc = answer_levels(w, wishes, n);
    for (size_t i = 0; i < n; i++) {
        own(str_fini) char *pointer = t->nrequests ? str_print("/datetime/%zu", i) : str_new("");
        const bool refused = wishes[i].possible && wishes[i].n == 0;
        if (refused && wishes[i].over)
            findings_move(&w->findings, &w->over);
        else if (refused && w->made < w->platform->maxoffers)
            slot_refuse(&wishes[i].slot, w->platform, pointer, &w->findings);
        free(wishes[i].offered);
    }
    free(wishes);
    return rc;
}

/* Against what is booked, and what of it is the asker's own. */
static int answer_booked(struct answering *w)
{
    const struct platform *p = w->platform;
    own(calendar_close) struct calendar calendar = {0};
    own(quota_close) struct quota quota = {0};
    w->calendar = &calendar;
    w->quota = &quota;
    if (calendar_open(&calendar, w->store, p->name, p->capacity, w->now, w->err) < 0 ||
        quota_open(&quota, w->answer->policy, w->store, p->name, w->now, w->err) < 0 ||
        answer_wishes(w) < 0)
        return -1;
    return calendar_check(&calendar, w->err);
}

/* The offers of all platforms are stored together, or none is. No place outside is tried while the
 * transaction is open: that was for the first platform, before it. */
static int begin(struct answering *w)
{
    if (w->trial || w->answer->open)
        return 0;
    if (store_begin(w->store, false, w->err) < 0)
        return -1;
    w->answer->open = true;
    return store_offers_forget(w->store, w->now * 1000, w->err);
}

int answer_keep(struct answer *a, struct store *store, int rc, struct err *err)
{
    const bool open = a->open;
    a->open = false;
    if (open && rc < 0)
        store_rollback(store);
    return open && rc == 0 ? store_commit(store, err) : rc;
}

static int answer_image(struct answering *w)
{
    const struct policy *policy = w->answer->policy;
    const bool may = policy_allows(policy, w->platform, &w->findings);
    if (match_image(w->task, w->platform, w->store, policy, w->answer->documents, &w->grant,
                    &w->findings) &&
        may)
        memcpy(w->answer->digest, w->grant.image.digest, IMAGE_DIGEST_TEXT);
    return 0;
}

static int answer_task(struct answering *w)
{
    const struct policy *policy = w->answer->policy;
    if (w->answer->image_alone)
        return answer_image(w);
    bool may = policy_allows(policy, w->platform, &w->findings);
    may &= signals_allow(w->task, policy, &w->findings);
    /* what may not be looked at is not */
    if (!remote_allows(w->task, policy, w->store, &w->findings))
        return 0;
    if (!match_platform(w->task, w->platform, w->store, policy, w->answer->documents, &w->grant,
                        &w->findings) ||
        !may || !locations_reach(&w->answer->locations, w->task, w->store, policy, &w->findings))
        return 0;
    return begin(w) < 0 ? -1 : answer_booked(w);
}

/* Is another task YES here? Nothing is stored. */
static bool try_task(void *context, json_t *doc, struct findings *findings, struct window *start)
{
    const struct answering *w = context;
    own(task_fini) struct task task = {0};
    struct err err = {0};
    if (task_init(&task, doc, &err) < 0)
        return false;
    struct answering trial = {.answer = w->answer,
                              .store = w->store,
                              .task = &task,
                              .platform = w->platform,
                              .now = w->now,
                              .trial = true,
                              .err = &err};
    answer_task(&trial);
    findings_move(findings, &trial.findings);
    findings_fini(&trial.findings);
    findings_fini(&trial.over);
    grant_fini(&trial.grant);
    *start = trial.found;
    return trial.made > 0;
}

static void explain(struct answering *w)
{
    own(str_fini) char *text = NULL;
    own(json_fini) json_t *changes = nearest_find(w->task->doc, &w->findings, try_task, w, &text);
    own(findings_fini) struct findings one = {0};
    if (!changes)
        return;
    add_message(w->answer, w->platform->name,
                finding_add(&one, FINDING_NOTICE, "nearest", "", "it would be YES with %s", text));
    json_t *message = json_array_get(w->answer->messages, json_array_size(w->answer->messages) - 1);
    json_object_set(message, "nearest", changes);
}

/* The types that a part of the task names: of itself, or of each item. */
static void note_types(const json_t *part, json_t *types)
{
    const char *type = json_is_object(part) ? json_text(part, "type") : json_string_value(part);
    size_t i;
    json_t *item;
    if (type)
        json_object_set_new(types, type, json_true());
    json_array_foreach (part, i, item)
        note_types(item, types);
}

/* What this platform did not know, for answer_count. */
static void note_unknown(struct answer *a, const struct task *task, const struct findings *findings)
{
    own(json_fini) json_t *types = json_object();
    const char *type;
    json_t *ignored;
    for (size_t i = 0; i < findings->n; i++)
        if (strncmp(findings->list[i].rule, "unknown-", 8) == 0)
            note_types(pointer_find(task->doc, findings->list[i].pointer), types);
    json_object_foreach (types, type, ignored)
        json_object_set_new(a->unknown, type, json_integer(json_int(a->unknown, type, 0) + 1));
}

int answer_platform(struct answer *a, struct store *store, const struct task *task,
                    const struct platform *platform, int64_t now, struct err *err)
{
    struct answering w = {.answer = a,
                          .store = store,
                          .task = task,
                          .platform = platform,
                          .now = now / 1000,
                          .err = err};
    const int rc = answer_task(&w);
    a->asked++;
    note_unknown(a, task, &w.findings);
    for (size_t i = 0; rc == 0 && i < w.findings.n; i++)
        add_message(a, platform->name, &w.findings.list[i]);
    if (rc == 0 && w.made == 0 && a->explain && !a->image_alone)
        explain(&w);
    findings_fini(&w.findings);
    findings_fini(&w.over);
    grant_fini(&w.grant);
    return rc;
}

int answer_count(const struct answer *a, struct store *store, int64_t now, struct err *err)
{
    const char *type;
    json_t *platforms;
    int rc = 0;
    size_t n = 0;
    json_object_foreach (a->unknown, type, platforms)
        n += (size_t)json_integer_value(platforms) == a->asked;
    if (n == 0)
        return 0;
    if (store_begin(store, false, err) < 0)
        return -1;
    json_object_foreach (a->unknown, type, platforms)
        if (rc == 0 && (size_t)json_integer_value(platforms) == a->asked)
            rc = usage_unknown(store, type, now / 1000, err);
    if (rc == 0)
        return store_commit(store, err);
    store_rollback(store);
    return -1;
}
