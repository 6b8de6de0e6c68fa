/* The picture of a platform: a bar for each job, light where it is booked, dark where it ran. */
#include "host/clock.h"
#include "page.h"
#include "store/timeline.h"

#define WIDTH 960.0
#define LANE 24    /* of one bar */
#define LANES 12   /* of more only the number is told */
#define TOP 34     /* for the hours */
#define LETTER 7.0 /* how wide one is, about */
#define NAME 44    /* bytes of the longest one that is shown whole */
#define JOBS_MAX 400
#define HOUR INT64_C(3600000)
#define DAY (24 * HOUR)

struct picture {
    struct page *g;
    int64_t from, to, now;
    int64_t ends[LANES]; /* of the last bar of each lane, with its label */
    size_t lanes, hidden;
};

static double place(const struct picture *x, int64_t ms)
{
    const int64_t in = ms < x->from ? x->from : ms > x->to ? x->to : ms;
    return (double)(in - x->from) * WIDTH / (double)(x->to - x->from);
}

static int64_t begin_of(const struct stretch *s)
{
    return s->started ? s->started : s->booked_from;
}

static int64_t end_of(const struct stretch *s, int64_t now)
{
    if (s->ended)
        return s->ended;
    const int64_t end = s->booked_to;
    return s->started && end < now ? now : end;
}

/* From the first that is to be seen to the last, but not more than a day back and a week on. */
static void choose_range(struct picture *x, const struct stretch *list, size_t n)
{
    x->from = x->now - HOUR;
    x->to = x->now + 2 * HOUR;
    for (size_t i = 0; i < n; i++) {
        if (begin_of(&list[i]) < x->from)
            x->from = begin_of(&list[i]);
        if (end_of(&list[i], x->now) > x->to)
            x->to = end_of(&list[i], x->now);
    }
    if (x->from < x->now - DAY)
        x->from = x->now - DAY;
    if (x->to > x->now + 7 * DAY)
        x->to = x->now + 7 * DAY;
}

static int64_t choose_step(const struct picture *x)
{
    static const int64_t steps[] = {HOUR / 4, HOUR / 2, HOUR,     2 * HOUR,
                                    3 * HOUR, 6 * HOUR, 12 * HOUR};
    for (size_t i = 0; i < COUNT(steps); i++)
        if ((x->to - x->from) / steps[i] <= 12)
            return steps[i];
    return DAY;
}

static void write_line(struct page *g, const char *class, double x, double from, double to)
{
    char at[HTML_NUMBER], y1[HTML_NUMBER], y2[HTML_NUMBER];
    html_number(x, at);
    html_leaf(&g->html, "line", NULL, "class", class, "x1", at, "x2", at, "y1",
              html_number(from, y1), "y2", html_number(to, y2), NULL);
}

static void write_label(struct page *g, const char *class, const char *text, double x, double y)
{
    char at[HTML_NUMBER], down[HTML_NUMBER];
    html_leaf(&g->html, "text", text, "class", class, "x", html_number(x, at), "y",
              html_number(y, down), NULL);
}

/* Hours below, and the day above where it begins. */
static void write_axis(struct picture *x, double height)
{
    const int64_t step = choose_step(x);
    bool first = true;
    for (int64_t t = (x->from / step + 1) * step; t < x->to; t += step) {
        char text[WHEN_TEXT];
        const double at = place(x, t);
        moment_print(t, text);
        write_line(x->g, "tick", at, TOP - 6, height);
        text[16] = '\0';
        if (at < WIDTH - 5 * LETTER)
            write_label(x->g, "hour", text + 11, at + 3, TOP - 8);
        text[10] = '\0';
        if ((first || t % DAY == 0) && at < WIDTH - 10 * LETTER)
            write_label(x->g, "day", text, at + 3, 12);
        first = false;
    }
}

static void write_bar(struct picture *x, const char *class, int64_t from, int64_t to, size_t lane)
{
    char left[HTML_NUMBER], top[HTML_NUMBER], width[HTML_NUMBER];
    const double a = place(x, from), b = place(x, to);
    html_leaf(&x->g->html, "rect", NULL, "class", class, "x", html_number(a, left), "y",
              html_number(TOP + (double)lane * LANE + 3, top), "width",
              html_number(b - a < 3 ? 3 : b - a, width), "height", "18", "rx", "3", NULL);
}

/* The first lane that is free by then; LANES when none is. */
static size_t find_lane(struct picture *x, int64_t from, int64_t to)
{
    for (size_t i = 0; i < LANES; i++) {
        if (x->ends[i] > from)
            continue;
        x->ends[i] = to;
        if (i + 1 > x->lanes)
            x->lanes = i + 1;
        return i;
    }
    return LANES;
}

/* "name, EXECUTING: 17:34:26 to 18:34:26" */
static char *describe(const struct picture *x, const struct stretch *s, bool mine)
{
    char from[WHEN_TEXT], to[WHEN_TEXT];
    moment_print(begin_of(s), from);
    moment_print(end_of(s, x->now), to);
    return str_print("%s%s%s: %s %.10s %.8s to %.10s %.8s",
                     mine ? s->name ? s->name : s->job : "a job of somebody else", mine ? ", " : "",
                     mine ? phase_name(s->phase) : "", s->started ? "ran from" : "booked from",
                     from, from + 11, to, to + 11);
}

/* As much of it as there is room kept for, in whole characters. */
static char *short_name(const struct stretch *s)
{
    const char *name = s->name && *s->name ? s->name : s->job;
    if (strlen(name) <= NAME)
        return str_new(name);
    int n = NAME - 1;
    while (n > 0 && ((unsigned char)name[n] & 0xc0) == 0x80)
        n--;
    return str_print("%.*s\xe2\x80\xa6", n, name);
}

static void write_name(struct picture *x, const struct stretch *s, double left, size_t lane)
{
    own(str_fini) char *name = short_name(s);
    write_label(x->g, "bar-name", name, left + 5, TOP + (double)lane * LANE + 16);
}

/* A label takes as much room as it has letters, in the lane, too. */
static void write_stretch(struct picture *x, const struct stretch *s)
{
    struct html *h = &x->g->html;
    const bool mine = service_sees(x->g->s, s->owner, NULL);
    const int64_t from = begin_of(s), to = end_of(s, x->now);
    const char *name = s->name && *s->name ? s->name : s->job;
    const double left = place(x, from);
    const double label = mine ? (double)strnlen(name, NAME) * LETTER + 10 : 6;
    const int64_t room = x->from + (int64_t)((left + label) * (double)(x->to - x->from) / WIDTH);
    const size_t lane = find_lane(x, from < x->from ? x->from : from, to > room ? to : room);
    if (lane == LANES) {
        x->hidden++;
        return;
    }
    own(str_fini) char *url = mine ? service_url(x->g->s, "jobs/%s", s->job) : NULL;
    own(str_fini) char *about = describe(x, s, mine);
    own(str_fini) char *class = str_print("ran %s", mine ? phase_name(s->phase) : "other");
    html_open(h, mine ? "a" : "g", mine ? "href" : "class", mine ? url : "other", NULL);
    html_leaf(h, "title", about, NULL);
    if (!s->ended && s->booked_to)
        write_bar(x, mine ? "booked" : "booked other", from, to, lane);
    if (s->started)
        write_bar(x, class, from, s->ended ? s->ended : x->now, lane);
    if (mine)
        write_name(x, s, left, lane);
    html_close(h);
}

static int by_begin(const void *a, const void *b)
{
    const int64_t x = begin_of(a), y = begin_of(b);
    return (x > y) - (x < y);
}

/* The bars are written before the size is known that frames them. */
static void write_picture(struct picture *x, const char *platform, const struct stretch *list,
                          size_t n)
{
    struct html *h = &x->g->html;
    char height[HTML_NUMBER];
    own(str_fini) char *about = str_print("Bookings and runs on %s", platform);
    struct buf before = h->out;
    h->out = (struct buf){0};
    for (size_t i = 0; i < n; i++)
        write_stretch(x, &list[i]);
    struct buf bars = h->out;
    h->out = before;
    const double whole = TOP + (double)(x->lanes ? x->lanes : 1) * LANE + 4;
    html_number(whole, height);
    own(str_fini) char *box = str_print("0 0 %g %s", WIDTH, height);
    html_open(h, "div", "class", "wide", NULL);
    html_open(h, "svg", "class", "timeline", "viewBox", box, "role", "group", "aria-label", about,
              NULL);
    write_axis(x, whole);
    write_line(x->g, "now", place(x, x->now), TOP - 6, whole);
    if (bars.len)
        buf_add(&h->out, bars.bytes, bars.len);
    buf_fini(&bars);
    html_close(h);
    html_close(h);
    html_open(h, "p", "class", "legend", NULL);
    html_text(h, n ? "Light: booked. Dark: it ran. Grey: jobs of others. The red line is now."
                   : "Nothing is booked, and nothing ran in the last day.");
    if (x->hidden)
        html_print(h, " %zu more are not drawn.", x->hidden);
    if (n == JOBS_MAX)
        html_text(h, " Older ones are not drawn.");
    html_close(h);
}

int timeline_draw(struct page *g, const char *platform, struct err *err)
{
    struct picture x = {.g = g, .now = clock_ms()};
    struct stretch *list;
    size_t n;
    struct store *store = service_store(g->s, err);
    if (!store || store_stretches(store, platform, x.now - DAY, JOBS_MAX, &list, &n, err) < 0)
        return -1;
    if (n)
        qsort(list, n, sizeof(*list), by_begin);
    choose_range(&x, list, n);
    write_picture(&x, platform, list, n);
    stretches_free(list, n);
    return 0;
}
