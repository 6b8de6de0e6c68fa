#include "host/clock.h"
#include "plan/answer.h"
#include "plan/calendar.h"
#include "plan/match.h"
#include "text/size.h"

#define INSTANT_GRACE 300 /* s a bare instant may be late (decisions.md, "Slot") */

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

struct answering {
    struct answer *answer;
    struct store *store;
    const struct task *task;
    const struct platform *platform;
    const struct grant *grant;
    int64_t now; /* s */
    struct calendar calendar;
};

/* One slot: may start in [from, to] and run for at most `length` s. Offered is [from, latest],
 * whose end is what is promised, or the instant that was asked for; a job whose worker comes later
 * than that still starts until `to`, the end of what was asked for (decisions.md, "Slot"). */
struct slot {
    int64_t from, latest, to, length, minlength;
    const struct window *instant; /* or NULL */
};

static json_t *offered_resources(const struct answering *w)
{
    const struct grant *g = w->grant;
    json_t *resources = json_deep_copy(json_object_get(w->task->doc, "resources"));
    if (!resources)
        resources = json_object();
    json_t *compute = json_object_get(resources, "compute");
    if (json_array_size(compute) == 0) {
        compute = json_pack("[{s:s,s:s}]", "name", "compute-001", "type",
                            RESOURCE_TYPES "generic-compute");
        json_object_set_new(resources, "compute", compute);
    }
    json_object_set_new(json_array_get(compute, 0), "spec",
                        json_pack("{s:o,s:o,s:o,s:o}", "mincores", cores_json(g->mincores),
                                  "maxcores", cores_json(g->maxcores), "minmemory",
                                  size_json(g->minmemory), "maxmemory", size_json(g->maxmemory)));
    return resources;
}

/* The executable made definite: the image by its digest. */
static json_t *offered_executable(const struct answering *w)
{
    json_t *executable = json_deep_copy(json_object_get(w->task->doc, "executable"));
    if (w->grant->image.digest[0])
        json_object_set_new(json_object_get(executable, "spec"), "digest",
                            json_string(w->grant->image.digest));
    return executable;
}

static json_t *offer_document(const struct answering *w, const struct offer_row *row,
                              const struct slot *s)
{
    char expires[WHEN_TEXT], window[WINDOW_TEXT], min[WHEN_TEXT], max[WHEN_TEXT];
    const struct window room = {{s->from, 0}, {s->latest, 0}, s->from == s->latest};
    const struct window start = s->instant ? *s->instant : room;
    json_t *advisory =
        json_object_get(json_object_get(w->platform->probe, "capabilities"), "advisory");
    return json_pack(
        "{s:s,s:o,s:s*,s:s,s:s,s:o,s:o,s:[{s:s,s:s,s:s}],s:O*,s:n,s:n}", "id", row->id, "name",
        json_sprintf("offer-%03zu", json_array_size(w->answer->offers) + 1), "task", w->task->name,
        "platform", w->platform->name, "expires", when_print(when_of_ms(row->expires), expires),
        "executable", offered_executable(w), "resources", offered_resources(w), "datetime", "start",
        window_print(start, window), "minduration", duration_print(duration_of(s->minlength), min),
        "maxduration", duration_print(duration_of(s->length), max), "advisory", advisory, "accept",
        "job");
}

/* What an accepted offer books: its minimum (decisions.md, "What is booked"). */
static struct room need_of(const struct grant *g)
{
    return (struct room){g->mincores, g->minmemory, NULL};
}

/* What accept needs and no client sends back. */
static json_t *offer_private(const struct answering *w, const struct slot *s)
{
    return json_pack("{s:I,s:I,s:I,s:I,s:o,s:o,s:s,s:O*}", "from", (json_int_t)s->from, "latest",
                     (json_int_t)s->latest, "to", (json_int_t)s->to, "length",
                     (json_int_t)s->length, "need", room_json(need_of(w->grant)), "capacity",
                     room_json(w->platform->capacity), "driver", w->platform->driver,
                     "driver_options", w->platform->driver_options);
}

static int add_offer(struct answering *w, const struct slot *s, struct err *err)
{
    own(offer_row_fini) struct offer_row row = {.platform = str_new(w->platform->name)};
    snprintf(row.answer, sizeof(row.answer), "%s", w->answer->id);
    clock_uuid(row.id);
    const struct when now = {w->now, 0};
    row.expires = when_to_ms(when_add(now, w->platform->lifetime));
    own(json_fini) json_t *offer = offer_document(w, &row, s);
    row.doc = json_pack("{s:O,s:o}", "offer", offer, "private", offer_private(w, s));
    if (store_offer_add(w->store, &row, w->now * 1000, err) < 0)
        return -1;
    json_array_append(w->answer->offers, offer);
    return 0;
}

static void refuse_time(struct answering *w, const char *pointer, const char *text)
{
    own(findings_fini) struct findings one = {0};
    add_message(w->answer, w->platform->name,
                finding_add(&one, FINDING_ERROR, "no-slot", pointer, "%s (Planner 2.4)", text));
}

/* How long: what was asked for, else the platform's default; at least the request's minimum. */
static bool choose_length(struct answering *w, const struct request *r, const char *pointer,
                          struct slot *s)
{
    const struct when from = {s->from, 0};
    const struct platform *p = w->platform;
    int64_t most = duration_seconds(p->maxduration, from);
    int64_t least = r->has_min ? duration_seconds(r->min, from) : 0;
    int64_t length =
        r->has_max ? duration_seconds(r->max, from) : duration_seconds(p->duration, from);
    if (least > most) {
        char asked[WHEN_TEXT], there[WHEN_TEXT];
        own(str_fini) char *text = str_print("%s of run time are asked for, a job may have %s",
                                             duration_print(duration_of(least), asked),
                                             duration_print(duration_of(most), there));
        refuse_time(w, pointer, text);
        return false;
    }
    if (length > most && r->has_max) {
        char asked[WHEN_TEXT], there[WHEN_TEXT];
        own(findings_fini) struct findings one = {0};
        add_message(w->answer, p->name,
                    finding_add(&one, FINDING_WARNING, "shorter", pointer,
                                "%s of run time are asked for, %s are offered (Planner 2.4)",
                                duration_print(duration_of(length), asked),
                                duration_print(duration_of(most), there)));
    }
    length = length < least ? least : length > most ? most : length;
    s->length = length;
    s->minlength = r->has_min ? least : length;
    return true;
}

/* One offer for one requested period, never more than one slot in it (EP-67). */
static int answer_request(struct answering *w, const struct request *r, const char *pointer,
                          struct err *err)
{
    struct slot s = {.from = w->now};
    s.to = when_add((struct when){w->now, 0}, w->platform->horizon).sec;
    if (r->has_window) {
        int64_t end = r->window.to.sec + (r->window.instant ? INSTANT_GRACE : 0);
        if (end < w->now) {
            refuse_time(w, pointer, "the requested start is past");
            return 0;
        }
        /* Whole seconds inside of what was asked for (EP-64). */
        int64_t begin = r->window.from.sec + (r->window.from.nsec > 0);
        s.from = begin > s.from ? begin : s.from;
        s.to = end < s.to ? end : s.to;
        s.instant = r->window.instant ? &r->window : NULL;
        if (s.from > s.to) {
            refuse_time(w, pointer, "the requested start is beyond the horizon of this platform");
            return 0;
        }
    }
    if (!choose_length(w, r, pointer, &s))
        return 0;
    const struct room need = need_of(w->grant);
    const int64_t last = s.instant ? s.from : s.to; /* an instant is that instant (EP-63) */
    int64_t start = calendar_fit(&w->calendar, need, s.from, last, s.length, NULL);
    if (start < 0 && s.minlength < s.length) {
        s.length = s.minlength;
        start = calendar_fit(&w->calendar, need, s.from, last, s.length, NULL);
    }
    if (start < 0) {
        refuse_time(w, pointer, "there is no room in the requested period");
        return 0;
    }
    /* It starts at any time in what is offered, as soon as that delays nobody. The end is what is
     * promised: it holds also when the offer is accepted at the last moment of its lifetime. */
    int64_t latest = when_add((struct when){start, 0}, w->platform->lifetime).sec;
    s.latest = latest < s.to && !s.instant ? latest : s.to;
    return add_offer(w, &s, err);
}

static int answer_requests(struct answering *w, struct err *err)
{
    static const struct request any;
    if (store_begin(w->store, false, err) < 0)
        return -1;
    int rc = calendar_open(&w->calendar, w->store, w->platform->name, w->platform->capacity, w->now,
                           err);
    if (w->task->nrequests == 0 && rc == 0)
        rc = answer_request(w, &any, "", err);
    for (size_t i = 0; i < w->task->nrequests && rc == 0; i++) {
        own(str_fini) char *pointer = str_print("/datetime/%zu", i);
        rc = answer_request(w, &w->task->requests[i], pointer, err);
    }
    if (rc < 0 || calendar_check(&w->calendar, err) < 0) {
        store_rollback(w->store);
        return -1;
    }
    return store_commit(w->store, err);
}

int answer_platform(struct answer *a, struct store *store, const struct task *task,
                    const struct platform *platform, int64_t now, struct err *err)
{
    struct grant grant;
    own(findings_fini) struct findings findings = {0};
    if (!match_platform(task, platform, store, &grant, &findings) ||
        !locations_reach(&a->locations, task, store, "", &findings)) {
        grant_fini(&grant);
        for (size_t i = 0; i < findings.n; i++)
            add_message(a, platform->name, &findings.list[i]);
        return 0;
    }
    struct answering w = {.answer = a,
                          .store = store,
                          .task = task,
                          .platform = platform,
                          .grant = &grant,
                          .now = now / 1000};
    int rc = answer_requests(&w, err);
    calendar_close(&w.calendar);
    grant_fini(&grant);
    return rc;
}
