#include "job/roster.h"

static void entry_fini(struct entry *e)
{
    free(e->platform);
    free(e->driver);
    json_decref(e->need.parts);
    json_decref(e->options);
    json_decref(e->line);
}

/* Where it is, or where it belongs. */
static size_t place_of(const struct roster *r, const char *id)
{
    size_t low = 0, high = r->n;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (strcmp(r->list[middle].id, id) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

struct entry *roster_find(struct roster *r, const char *id)
{
    const size_t at = place_of(r, id);
    return at < r->n && str_same(r->list[at].id, id) ? &r->list[at] : NULL;
}

static void add(struct roster *r, const char *id)
{
    const size_t at = place_of(r, id);
    if (at < r->n && str_same(r->list[at].id, id))
        return;
    r->list = mem_grow(r->list, r->n + 1, sizeof(*r->list));
    memmove(&r->list[at + 1], &r->list[at], (r->n - at) * sizeof(*r->list));
    r->list[at] = (struct entry){.phase = PHASE_COUNT, .watch = -1};
    snprintf(r->list[at].id, sizeof(r->list[at].id), "%s", id);
    r->n++;
}

void roster_remove(struct roster *r, struct entry *e)
{
    const size_t at = (size_t)(e - r->list);
    entry_fini(e);
    memmove(e, e + 1, (r->n - at - 1) * sizeof(*e));
    r->n--;
}

void roster_fini(struct roster *r)
{
    for (size_t i = 0; i < r->n; i++)
        entry_fini(&r->list[i]);
    free(r->list);
    *r = (struct roster){0};
}

int roster_begin(struct roster *r, struct store *store, const struct strs *ids, struct err *err)
{
    own(strs_fini) struct strs live = {0};
    *r = (struct roster){.all = !ids};
    /* The log first: what happens in between is seen twice then, and not missed. */
    if (store_events_last(store, &r->seen, err) < 0 ||
        (!ids && store_jobs(store, true, &live, err) < 0))
        return -1;
    for (size_t i = live.n; i-- > 0;) /* the store names the newest first */
        add(r, live.list[i]);
    for (size_t i = 0; ids && i < ids->n; i++)
        add(r, ids->list[i]);
    return 0;
}

/* Who waits for room has a reason to look again. */
static void room_was_given_back(struct roster *r)
{
    for (size_t i = 0; i < r->n; i++)
        if (r->list[i].phase == PHASE_QUEUED && !r->list[i].line) /* not in a queue elsewhere */
            r->list[i].due = 0;
}

struct refreshing {
    struct roster *roster;
    bool room;
};

static void on_change(void *context, const char *job, enum phase phase)
{
    struct refreshing *f = context;
    struct entry *e = roster_find(f->roster, job);
    f->room |= phase_terminal(phase) || phase == PHASE_QUEUED;
    if (!e && f->roster->all && !phase_terminal(phase))
        add(f->roster, job);
    /* else it was a step of our own; none leads to PENDING, where triggers are waited for */
    else if (e && (e->phase != phase || phase == PHASE_PENDING))
        e->due = 0;
}

int roster_refresh(struct roster *r, struct store *store, struct err *err)
{
    own(strs_fini) struct strs wished = {0};
    struct refreshing f = {r, false};
    if (store_jobs_changed(store, &r->seen, on_change, &f, err) < 0 ||
        store_jobs_wished(store, &wished, err) < 0)
        return -1;
    for (size_t i = 0; i < wished.n; i++) {
        struct entry *e = roster_find(r, wished.list[i]);
        if (e)
            e->due = 0;
    }
    if (f.room)
        room_was_given_back(r);
    return 0;
}

void entry_note(struct entry *e, const struct job *j, json_t *line)
{
    const json_t *p = json_object_get(j->doc, "private");
    struct entry before = *e;
    e->phase = j->phase;
    e->attempt = j->attempt;
    e->platform = str_new(j->platform);
    e->driver = str_new(j->driver);
    e->need = room_of(json_object_get(p, "need"));
    json_incref(e->need.parts);
    e->length = json_int(p, "length", 0);
    e->options = json_incref(json_object_get(p, "driver_options"));
    e->line = line;
    entry_fini(&before);
}
