#include "plan/slot.h"

#define HELD_S 86400 /* a window that nobody asked for, of a job that waits for a trigger */

static struct finding *refuse(struct findings *findings, const char *rule, const char *pointer,
                              const char *text)
{
    return finding_add(findings, FINDING_ERROR, rule, pointer, "%s (Planner 2.4)", text);
}

static json_t *duration_json(int64_t seconds)
{
    char text[WHEN_TEXT];
    return json_string(duration_print(duration_of(seconds), text));
}

static json_t *window_json(int64_t from, int64_t to)
{
    char text[WINDOW_TEXT];
    return json_string(window_print((struct window){{from, 0}, {to, 0}, from == to}, text));
}

/* Asked and available run times, told with a text that has room for both. */
static void tell_times(struct finding *f, int64_t asked, int64_t there)
{
    finding_amounts(f, duration_json(asked), duration_json(there));
}

static bool read_period(struct slot *s, const struct period *r, int64_t grace, const char *pointer,
                        struct findings *findings)
{
    const int64_t now = s->from, horizon = s->to;
    const int64_t end = r->window.to.sec + (r->window.instant ? grace : 0);
    char asked[WINDOW_TEXT];
    /* Whole seconds inside of what was asked for (EP-64). */
    const int64_t begin = r->window.from.sec + (r->window.from.nsec > 0);
    const char *why = end < now         ? "the requested start is past"
                      : begin > horizon ? "the requested start is beyond the horizon of this "
                                          "platform"
                                        : NULL;
    if (why) {
        finding_amounts(refuse(findings, "no-slot", pointer, why),
                        json_string(window_print(r->window, asked)), window_json(now, horizon));
        return false;
    }
    s->from = begin > now ? begin : now;
    s->to = end < horizon ? end : horizon;
    s->instant = r->window.instant ? &r->window : NULL;
    return true;
}

/* How long: what was asked for, else the platform's default; at least the request's minimum. */
static bool choose_length(struct slot *s, const struct period *r, const struct platform *p,
                          struct duration limit, const char *pointer, struct findings *findings)
{
    const struct when from = {s->from, 0};
    const int64_t most = duration_seconds(limit, from);
    const int64_t least = r->has_min ? duration_seconds(r->min, from) : 0;
    int64_t length = duration_seconds(r->has_max ? r->max : p->duration, from);
    char asked[WHEN_TEXT], there[WHEN_TEXT];
    duration_print(duration_of(most), there);
    if (least > most) {
        duration_print(duration_of(least), asked);
        tell_times(finding_add(findings, FINDING_ERROR, "no-slot", pointer,
                               "%s of run time are asked for, a job may have %s (Planner 2.4)",
                               asked, there),
                   least, most);
        return false;
    }
    if (length > most && r->has_max) {
        duration_print(duration_of(length), asked);
        tell_times(finding_add(findings, FINDING_WARNING, "shorter", pointer,
                               "%s of run time are asked for, %s are offered (Planner 2.4)", asked,
                               there),
                   length, most);
    }
    length = length < least ? least : length > most ? most : length;
    s->length = length;
    s->minlength = r->has_min ? least : length;
    return true;
}

bool slot_init(struct slot *s, const struct period *r, const struct platform *p,
               struct duration most, int64_t now, int64_t grace, const char *pointer,
               struct findings *findings)
{
    *s = (struct slot){
        .asked = r->has_window, .from = now, .to = when_add((struct when){now, 0}, p->horizon).sec};
    return (!r->has_window || read_period(s, r, grace, pointer, findings)) &&
           choose_length(s, r, p, most, pointer, findings);
}

/* The last moment at which it may begin: an instant is that instant (EP-63). */
static int64_t last_start(const struct slot *s)
{
    return s->instant ? s->from : s->to;
}

/* One length in one opening after another: a job runs from its start to its end while it is open.
 */
static bool place_length(struct slot *s, struct calendar *calendar, const struct platform *p,
                         struct room need, int64_t length)
{
    const int64_t last = last_start(s);
    int64_t open, close, at = s->from;
    for (; at <= last && opening_next(p, at, last, &open, &close); at = close) {
        const int64_t begin = open > s->from ? open : s->from;
        const int64_t end = close - length < last ? close - length : last;
        const int64_t start =
            begin <= end ? calendar_fit(calendar, need, begin, end, length, NULL) : -1;
        if (start >= 0) {
            s->from = begin;
            s->start = start;
            s->to = close - length < s->to ? close - length : s->to;
            s->length = length;
            return true;
        }
        if (close == INT64_MAX)
            break;
    }
    return false;
}

/* Is there room for a start at any time from `from` to `to`? */
static bool is_free(struct calendar *calendar, struct room need, int64_t from, int64_t to,
                    int64_t length)
{
    return calendar_fit(calendar, need, from, from, to - from + length, NULL) == from;
}

/* What can be held of a window, for a start at any time in it: to its end, from as early as there
 * is room for that; else from the first moment there is room at all, for as long as there is. */
static bool hold_some(struct calendar *calendar, struct room need, int64_t length, int64_t *from,
                      int64_t *to)
{
    int64_t low = *from, high = *to;
    const bool end = is_free(calendar, need, *to, *to, length);
    if (!end && (low = calendar_fit(calendar, need, *from, *to, length, NULL)) < 0)
        return false;
    const int64_t begin = low;
    while (low < high) { /* the earlier it begins, or the later it ends, the more room it takes */
        const int64_t middle = low + (high - low + !end) / 2;
        if (is_free(calendar, need, end ? middle : begin, end ? *to : middle, length) == end)
            high = end ? middle : middle - 1;
        else
            low = end ? middle + 1 : middle;
    }
    *from = end ? low : begin;
    *to = end ? *to : low;
    return true;
}

/* A job that waits for a trigger holds its room from the beginning of its window, and could start
 * at its end (Planner 2.5.1). A window that nobody asked for is a day, as the draft's own (2.5.3).
 */
static bool place_held(struct slot *s, struct calendar *calendar, const struct platform *p,
                       struct room need, int64_t length)
{
    const int64_t last = s->asked || s->to - s->from < HELD_S ? s->to : s->from + HELD_S;
    int64_t open, close, at = s->from;
    for (; at <= last && opening_next(p, at, last, &open, &close); at = close) {
        int64_t from = open > s->from ? open : s->from;
        int64_t to = close - length < last ? close - length : last;
        if (from <= to && hold_some(calendar, need, length, &from, &to)) {
            s->length = length;
            s->from = s->start = from;
            s->latest = s->to = to;
            return true;
        }
        if (close == INT64_MAX)
            break;
    }
    return false;
}

bool slot_place(struct slot *s, struct calendar *calendar, const struct platform *p,
                struct room need)
{
    if (s->held)
        return place_held(s, calendar, p, need, s->length) ||
               (s->minlength < s->length && place_held(s, calendar, p, need, s->minlength));
    if (!place_length(s, calendar, p, need, s->length) &&
        (s->minlength >= s->length || !place_length(s, calendar, p, need, s->minlength)))
        return false;
    /* It starts at any time in what is offered, as soon as that delays nobody. The end is what is
     * promised: it holds also when the offer is accepted at the last moment of its lifetime. */
    const int64_t latest = when_add((struct when){s->start, 0}, p->lifetime).sec;
    s->latest = latest < s->to && !s->instant ? latest : s->to;
    return true;
}

int64_t slot_span(const struct slot *s)
{
    return s->held ? s->to - s->start + s->length : s->length;
}

/* The longest time a job of this request could run in one opening; the first opening in *open and
 * *close. */
static int64_t longest(const struct slot *s, const struct platform *p, int64_t *open,
                       int64_t *close)
{
    const int64_t last = last_start(s);
    int64_t most = 0, begin, end, at = s->from;
    *open = -1;
    for (; at <= last && opening_next(p, at, last, &begin, &end); at = end) {
        if (*open < 0) {
            *open = begin;
            *close = end;
        }
        begin = begin > s->from ? begin : s->from;
        most = end - begin > most ? end - begin : most;
        if (end == INT64_MAX)
            break;
    }
    return most;
}

void slot_refuse(const struct slot *s, const struct platform *p, const char *pointer,
                 struct findings *findings)
{
    int64_t open, close;
    const int64_t most = longest(s, p, &open, &close);
    if (most >= s->minlength) {
        refuse(findings, "no-slot", pointer, "there is no room in the requested period");
        return;
    }
    if (open >= 0 && most > 0) {
        char asked[WHEN_TEXT], there[WHEN_TEXT];
        duration_print(duration_of(s->minlength), asked);
        duration_print(duration_of(most), there);
        tell_times(finding_add(findings, FINDING_ERROR, "closed", pointer,
                               "%s of run time are asked for, the platform is open for %s at most "
                               "in the requested period (Planner 2.4)",
                               asked, there),
                   s->minlength, most);
        return;
    }
    struct finding *f =
        refuse(findings, "closed", pointer, "the platform is closed in the requested period");
    const bool opens = opening_next(p, s->from, s->to + 366 * 86400, &open, &close);
    finding_amounts(f, window_json(s->from, last_start(s)),
                    opens ? window_json(open, close) : NULL);
}
