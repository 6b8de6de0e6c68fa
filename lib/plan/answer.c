#include "host/clock.h"
#include "plan/answer.h"
#include "plan/nearest.h"
#include "plan/offer.h"

void answer_init(struct answer *a)
{
    *a = (struct answer){.offers = json_array(), .messages = json_array()};
    clock_uuid(a->id);
}

void answer_fini(struct answer *a)
{
    json_decref(a->offers);
    json_decref(a->messages);
    locations_fini(&a->locations);
    *a = (struct answer){0};
}

json_t *answer_document(const struct answer *a)
{
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
    const struct task *origin; /* what was really asked: its locations are tried */
    const struct platform *platform;
    int64_t now;         /* s */
    bool trial;          /* only asks: the first slot ends it, and nothing is stored */
    struct window found; /* of a trial */
    struct calendar calendar;
    struct grant grant;
    struct findings findings; /* why not */
    size_t made;              /* offers */
    struct err *err;
};

/* One requested period, and what was offered for it. */
struct wish {
    bool possible;
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

static int add_offer(struct answering *w, const struct slot *s, const struct level *l)
{
    const struct offering o = {w->task, w->platform, &w->grant, l, s};
    own(offer_row_fini) struct offer_row row = {.platform = str_new(w->platform->name)};
    snprintf(row.answer, sizeof(row.answer), "%s", w->answer->id);
    clock_uuid(row.id);
    row.expires = when_to_ms(when_add((struct when){w->now, 0}, w->platform->lifetime));
    row.doc = offer_document(&o, &row, json_array_size(w->answer->offers) + 1);
    if (store_offer_add(w->store, &row, w->now * 1000, w->err) < 0)
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
        if (calendar_fit(&w->calendar, *need, s->start, s->start, s->length, NULL) < 0)
            high = middle - 1;
        else
            low = middle;
    }
    return low == 0 ? least : least + low * step < most ? least + low * step : most;
}

/* What may be used beyond what is booked is what nobody else has booked (Planner 2.2.2). */
static struct level grown(struct answering *w, const struct slot *s, struct level l)
{
    struct room need = offer_need(&l);
    need.cores = l.maxcores;
    need.memory = l.maxmemory;
    if (calendar_fit(&w->calendar, need, s->start, s->start, s->length, NULL) == s->start)
        return l;
    const struct level whole = l;
    need = offer_need(&whole);
    l.maxcores = most_free(w, s, &need, &need.cores, whole.maxcores, 1000);
    need = offer_need(&whole);
    l.maxmemory = most_free(w, s, &need, &need.memory, whole.maxmemory, (int64_t)1 << 30);
    return l;
}

/* One offer for one requested period at one level, never more than one slot in it (EP-67). */
static int answer_wish(struct answering *w, struct wish *wish, const struct level *level)
{
    struct slot s = wish->slot;
    if (!slot_place(&s, &w->calendar, w->platform, offer_need(level)))
        return 0;
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
    static const struct request any;
    const struct task *t = w->task;
    const size_t n = t->nrequests ? t->nrequests : 1;
    struct wish *wishes = mem_new(n * sizeof(*wishes));
    for (size_t i = 0; i < n; i++) {
        own(str_fini) char *pointer = t->nrequests ? str_print("/datetime/%zu", i) : str_new("");
        wishes[i].possible =
            slot_init(&wishes[i].slot, t->nrequests ? &t->requests[i] : &any, w->platform,
                      w->grant.maxduration, w->now, pointer, &w->findings);
    }
    const int rc = answer_levels(w, wishes, n);
    for (size_t i = 0; i < n; i++) {
        own(str_fini) char *pointer = t->nrequests ? str_print("/datetime/%zu", i) : str_new("");
        if (wishes[i].possible && wishes[i].n == 0 && w->made < w->platform->maxoffers)
            slot_refuse(&wishes[i].slot, w->platform, pointer, &w->findings);
        free(wishes[i].offered);
    }
    free(wishes);
    return rc;
}

/* What the calendar says is true together, and offers are stored together, or none is. */
static int answer_task(struct answering *w)
{
    if (!match_platform(w->task, w->platform, w->store, &w->grant, &w->findings) ||
        !locations_reach(&w->answer->locations, w->origin, w->store, "", &w->findings))
        return 0;
    if (store_begin(w->store, false, w->err) < 0)
        return -1;
    int rc = calendar_open(&w->calendar, w->store, w->platform->name, w->platform->capacity, w->now,
                           w->err);
    if (rc == 0)
        rc = answer_wishes(w);
    if (rc == 0)
        rc = calendar_check(&w->calendar, w->err);
    calendar_close(&w->calendar);
    if (rc == 0 && !w->trial)
        return store_commit(w->store, w->err);
    store_rollback(w->store);
    return rc;
}

static void answering_fini(struct answering *w)
{
    findings_fini(&w->findings);
    grant_fini(&w->grant);
}

/* Is another task YES here? Nothing is stored. */
static bool try_task(void *context, json_t *doc, struct findings *findings, struct window *start)
{
    const struct answering *w = context;
    own(task_fini) struct task task = {0};
    struct err err = {0};
    if (task_init(&task, doc, &err) < 0)
        return false;
    own(answering_fini) struct answering trial = {.answer = w->answer,
                                                  .store = w->store,
                                                  .task = &task,
                                                  .origin = w->origin,
                                                  .platform = w->platform,
                                                  .now = w->now,
                                                  .trial = true,
                                                  .err = &err};
    const int rc = answer_task(&trial);
    findings_move(findings, &trial.findings);
    *start = trial.found;
    return rc == 0 && trial.made > 0;
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

int answer_platform(struct answer *a, struct store *store, const struct task *task,
                    const struct platform *platform, int64_t now, struct err *err)
{
    own(answering_fini) struct answering w = {.answer = a,
                                              .store = store,
                                              .task = task,
                                              .origin = task,
                                              .platform = platform,
                                              .now = now / 1000,
                                              .err = err};
    const int rc = answer_task(&w);
    for (size_t i = 0; rc == 0 && i < w.findings.n; i++)
        add_message(a, platform->name, &w.findings.list[i]);
    if (rc == 0 && w.made == 0 && a->explain)
        explain(&w);
    return rc;
}
