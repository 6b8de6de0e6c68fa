#include "net/judge.h"
#include "model/secret.h"
#include "text/size.h"

struct judging {
    const struct model *model;
    const struct task *asked, *offered;
    int64_t grace;
};

/* A planner need not say our secrets. */
static bool same_text(const char *asked, const char *offered)
{
    own(str_fini) char *hidden = secret_hidden(asked);
    return str_same(asked, offered) || (hidden && str_same(hidden, offered));
}

static bool says_same(const json_t *asked, const json_t *offered);

static bool says_all(const json_t *asked, const json_t *offered)
{
    const char *key;
    json_t *value;
    json_object_foreach ((json_t *)asked, key, value)
        if (!says_same(value, json_object_get(offered, key)))
            return false;
    return true;
}

/* An offer may say more than the request, and nothing else. */
static bool says_same(const json_t *asked, const json_t *offered)
{
    size_t i;
    json_t *value;
    if (json_is_null(asked))
        return true;
    if (json_is_number(asked) && json_is_number(offered))
        return json_number_value(asked) == json_number_value(offered);
    if (json_is_string(asked) && json_is_string(offered))
        return same_text(json_string_value(asked), json_string_value(offered));
    if (json_is_object(asked) && json_is_object(offered))
        return says_all(asked, offered);
    if (!json_is_array(asked) || !json_is_array(offered))
        return json_equal(asked, offered);
    if (json_array_size(asked) != json_array_size(offered))
        return false;
    json_array_foreach (asked, i, value)
        if (!says_same(value, json_array_get(offered, i)))
            return false;
    return true;
}

static bool same_type(const struct model *m, const char *a, const char *b)
{
    const char *first = a ? type_uri(m, a) : NULL, *second = b ? type_uri(m, b) : NULL;
    return str_same(first ? first : a, second ? second : b);
}

static char *judge_executable(const struct judging *j)
{
    if (!same_type(j->model, j->asked->type, j->offered->type))
        return str_print("it would run %s, asked for was %s",
                         j->offered->type ? type_short(j->offered->type) : "nothing",
                         j->asked->type ? type_short(j->asked->type) : "nothing");
    const char *key;
    json_t *value;
    json_object_foreach (j->asked->spec, key, value)
        if (!says_same(value, json_object_get(j->offered->spec, key)))
            return str_print("it would run something else: its executable has another %s", key);
    return NULL;
}

static char *cores_text(int64_t milli)
{
    return str_print("%g", (double)milli / 1000);
}

static char *memory_text(int64_t bytes)
{
    char text[SIZE_TEXT];
    return str_new(size_print(bytes, text));
}

/* One amount: the offered minimum and maximum against those asked for; 0 is "not given". Minima
 * were rounded up and maxima down, so a fraction asked for exactly is one unit from itself. */
static char *judge_amount(const char *what, int64_t min, int64_t max, int64_t offered_min,
                          int64_t offered_max, char *(*print)(int64_t))
{
    own(str_fini) char *low = print(offered_min);
    own(str_fini) char *high = print(offered_max);
    own(str_fini) char *least = print(min);
    own(str_fini) char *most = print(max);
    if (min && offered_min < min - 1)
        return str_print("it has %s %s, below the minimum of %s asked for (Planner 2.2.2)", low,
                         what, least);
    if (max && offered_max - 1 > max)
        return str_print("it has up to %s %s, above the maximum of %s asked for (Planner 2.2.2)",
                         high, what, most);
    if (max && offered_min - 1 > max)
        return str_print("it has at least %s %s, above the maximum of %s asked for (Planner 2.2.2)",
                         low, what, most);
    if (offered_max && offered_min - 1 > offered_max)
        return str_print("it has at least %s %s and at most %s (Planner 2.2.2)", low, what, high);
    return NULL;
}

static size_t extras_of_type(const struct model *m, const json_t *extras, const char *type)
{
    size_t i, n = 0;
    json_t *extra;
    json_array_foreach (extras, i, extra)
        n += same_type(m, json_text(extra, "type"), type);
    return n;
}

static char *judge_compute(const struct judging *j)
{
    const struct compute *a = &j->asked->compute, *o = &j->offered->compute;
    size_t i;
    json_t *extra;
    char *why =
        judge_amount("cores", a->mincores, a->maxcores, o->mincores, o->maxcores, cores_text);
    if (!why)
        why = judge_amount("memory", a->minmemory, a->maxmemory, o->minmemory, o->maxmemory,
                           memory_text);
    json_array_foreach (a->extras, i, extra) {
        const char *type = json_text(extra, "type");
        if (!why &&
            extras_of_type(j->model, o->extras, type) < extras_of_type(j->model, a->extras, type))
            why = str_print("it lacks the extra %s (Planner 2.2.1)", type ? type_short(type) : "");
    }
    return why;
}

static char *judge_storage(const struct judging *j)
{
    for (size_t i = 0; i < j->asked->nstorage; i++) {
        const struct storage *a = &j->asked->storage[i], *o = NULL;
        for (size_t k = 0; k < j->offered->nstorage && !o; k++)
            if (str_same(j->offered->storage[k].name, a->name))
                o = &j->offered->storage[k];
        if (!o || !same_type(j->model, a->type, o->type))
            return str_print("it lacks the storage %s (Planner 2.2.3)", a->name);
        if (!same_text(a->location, o->location))
            return str_print("its storage %s is another place (Planner 2.2.3)", a->name);
        if (o->size < a->size)
            return str_print("its storage %s is smaller than asked for (Planner 2.2.3)", a->name);
    }
    for (size_t i = 0; i < j->asked->nvolumes; i++) {
        const struct volume *a = &j->asked->volumes[i];
        bool there = false;
        for (size_t k = 0; k < j->offered->nvolumes; k++) {
            const struct volume *o = &j->offered->volumes[k];
            there |=
                str_same(a->path, o->path) && a->write == o->write &&
                str_same(j->asked->storage[a->storage].name, j->offered->storage[o->storage].name);
        }
        if (!there)
            return str_print("it lacks the volume %s (Planner 2.2.3)", a->path);
    }
    return NULL;
}

/* Does it have all items of a section that were asked for, by their names? */
static char *judge_section(const struct judging *j, const char *key, const char *what)
{
    const json_t *asked = json_object_get(j->asked->doc, key), *there;
    size_t i, k;
    json_t *item, *other;
    json_array_foreach (asked, i, item) {
        const char *name = json_text(item, "name");
        bool found = false;
        there = json_object_get(j->offered->doc, key);
        json_array_foreach (there, k, other)
            found |= name ? str_same(name, json_text(other, "name")) : k == i;
        if (!found)
            return str_print("it lacks the %s %s (Planner 2.5)", what,
                             name ? name : "without name");
    }
    return NULL;
}

/* A job that nobody can start, or that tells nobody, is not what was asked for. */
static char *judge_signals(const struct judging *j)
{
    char *why = judge_section(j, "triggers", "trigger");
    return why ? why : judge_section(j, "callouts", "callout");
}

/* Is this slot one of this period? NULL, or why not. */
static char *judge_period(const struct period *asked, const struct period *offered, int64_t grace)
{
    const struct when from = offered->window.from;
    struct when end = asked->window.to;
    end.sec += asked->window.instant ? grace : 0;
    if (asked->has_window &&
        (when_compare(from, asked->window.from) < 0 || when_compare(offered->window.to, end) > 0)) {
        char text[WINDOW_TEXT], window[WINDOW_TEXT];
        return str_print("its start %s is outside of %s, which was asked for (Planner 2.4)",
                         window_print(offered->window, text), window_print(asked->window, window));
    }
    int64_t least = asked->has_min ? duration_seconds(asked->min, from) : 0;
    int64_t most = asked->has_max ? duration_seconds(asked->max, from) : INT64_MAX;
    int64_t min = offered->has_min ? duration_seconds(offered->min, from) : least;
    int64_t max = offered->has_max ? duration_seconds(offered->max, from) : INT64_MAX;
    if (max < least || min < least)
        return str_print("it may run for less than the minduration asked for (Planner 2.4)");
    if (offered->has_max && max > most)
        return str_print("it may run for more than the maxduration asked for (Planner 2.4)");
    return min > max ? str_print("its minduration exceeds its maxduration (Planner 2.4)") : NULL;
}

static char *judge_time(const struct judging *j, int64_t now)
{
    static const struct period any;
    if (j->offered->nrequests != 1 || !j->offered->requests[0].has_window)
        return str_print("it has %zu time slots, expected one with a start (EP-67)",
                         j->offered->nrequests);
    const struct period *slot = &j->offered->requests[0];
    int64_t end = slot->window.to.sec + (slot->window.instant ? j->grace : 0);
    if (end < now)
        return str_print("its start is past (Planner 2.4)");
    if (j->asked->nrequests == 0)
        return judge_period(&any, slot, j->grace);
    char *first = NULL; /* what is wrong is said of the first period; any will do */
    for (size_t i = 0; i < j->asked->nrequests; i++) {
        char *why = judge_period(&j->asked->requests[i], slot, j->grace);
        if (!why) {
            free(first);
            return NULL;
        }
        if (first)
            free(why);
        else
            first = why;
    }
    return first;
}

static char *judge_expiry(const json_t *offer, int64_t now)
{
    const char *text = json_text(offer, "expires"), *why;
    char at[WHEN_TEXT];
    struct when w;
    if (!text)
        return str_new("it does not say when it expires (EP-13)");
    if (when_parse(text, &w, NULL, &why) < 0)
        return str_print("its expires is no time: expected %s (EP-13)", why);
    if (w.sec <= now)
        return str_print("it expired at %s already, and here it is %s (EP-13)", text,
                         when_print((struct when){now, 0}, at));
    return NULL;
}

char *judge_offer(const struct model *m, const struct task *asked, json_t *offer, int64_t now,
                  int64_t grace)
{
    own(task_fini) struct task offered = {0};
    struct err err = {0};
    if (task_init(&offered, offer, &err) < 0)
        return str_print("it cannot be read: %s", err.text);
    const struct judging j = {m, asked, &offered, grace};
    char *why = judge_executable(&j);
    why = why ? why : judge_compute(&j);
    why = why ? why : judge_storage(&j);
    why = why ? why : judge_signals(&j);
    why = why ? why : judge_time(&j, now);
    return why ? why : judge_expiry(offer, now);
}
