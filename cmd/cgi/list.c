/* The list of jobs, newest first, and its filters (UWS 1.1, 2.2.2.1). */
#include "handlers.h"
#include "page.h"
#include "store/list.h"
#include "text/when.h"
#include "uws.h"

/* --- filters --- */

/* The phases that a word means: one of ours, and those that UWS sees as it; 0: none. */
static unsigned phases_of(const char *word)
{
    enum phase named;
    unsigned all;
    if (phase_parse(word, &named) < 0)
        return 0;
    all = 1u << named;
    for (int p = 0; p < PHASE_COUNT; p++)
        if (phase_uws((enum phase)p) == named)
            all |= 1u << p;
    return all;
}

/* Archived ones are shown to who asks for them. 1, or 0 when it was refused. */
static int read_phases(const struct request *r, struct reply *p, unsigned *phases)
{
    const char *word;
    size_t at = 0;
    *phases = 0;
    while ((word = params_next(&r->query, "PHASE", &at))) {
        const unsigned more = phases_of(word);
        if (*word && !more)
            return reply_refuse(p, 400, "PHASE: there is no phase \"%.40s\"", word);
        *phases |= more;
    }
    if (!*phases)
        *phases = ((1u << PHASE_COUNT) - 1) & ~(1u << PHASE_ARCHIVED);
    return 1;
}

/* The one value there may be; NULL when it was not given, or is empty. 1, or 0 when it was refused.
 */
static int read_one(const struct request *r, struct reply *p, const char *name, const char **value)
{
    size_t at = 0;
    *value = params_next(&r->query, name, &at);
    if (params_next(&r->query, name, &at))
        return reply_refuse(p, 400, "%s: expected one, found several", name);
    if (*value && !**value)
        *value = NULL;
    return 1;
}

/* How much of the text goes by the pattern, in which a 0 is a digit; 0: it does not. */
static size_t fits(const char *text, const char *pattern)
{
    size_t n = 0;
    for (; pattern[n]; n++)
        if (pattern[n] == '0' ? text[n] < '0' || text[n] > '9' : text[n] != pattern[n])
            return 0;
    return n;
}

static void copy_digits(struct buf *digits, const char *text, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (text[i] >= '0' && text[i] <= '9')
            buf_char(digits, text[i]);
}

/* Puts the digits of the longest pattern that fits behind one another; how much that was. */
static size_t take(struct buf *digits, const char *text, const char *const *patterns)
{
    for (; *patterns; patterns++) {
        const size_t n = fits(text, *patterns);
        copy_digits(digits, text, n);
        if (n)
            return n;
    }
    return 0;
}

/* What is not said is that of the first moment there can be. */
static void fill_up(struct buf *digits, const char *first)
{
    const size_t n = digits->len;
    if (n < strlen(first))
        buf_str(digits, first + n);
}

/* ISO 8601 in UTC, as much of it as is known: 2015, 2015-10-26, 20151026T101520.5 and so on; never
 * with an offset, which UWS does not have. In ms, finer times cut off, as they are printed. */
static int parse_after(const char *text, int64_t *ms, const char **why)
{
    static const char *const dates[] = {"0000-00-00", "00000000", "0000-00", "0000", NULL};
    static const char *const times[] = {"00:00:00", "000000", "00:00", "0000", "00", NULL};
    own(buf_fini) struct buf date = {0}, time = {0};
    struct when w;
    const char *rest = text + take(&date, text, dates), *fraction = "";
    size_t digits = 0; /* of it, with its point */
    *why = "expected a time in UTC, as 2015-10-26T10:15:20";
    if (rest == text)
        return -1;
    fill_up(&date, "00000101");
    if (*rest == 'T' || *rest == ' ') {
        const size_t n = take(&time, rest + 1, times);
        if (n == 0)
            return -1;
        rest += 1 + n;
        if (time.len == 6 && *rest == '.' && fits(rest + 1, "0")) {
            fraction = rest;
            digits = 1 + strspn(rest + 1, "0123456789");
            rest += digits;
        }
        rest += *rest == 'Z';
    }
    if (*rest)
        return -1;
    fill_up(&time, "000000");
    own(str_fini) char *whole =
        str_print("%.4s-%.2s-%.2sT%.2s:%.2s:%.2s%.*sZ", date.bytes, date.bytes + 4, date.bytes + 6,
                  time.bytes, time.bytes + 2, time.bytes + 4, (int)digits, fraction);
    if (when_parse(whole, &w, NULL, why) < 0)
        return -1;
    *ms = when_to_ms(w);
    return 0;
}

static int read_filter(const struct request *r, struct reply *p, struct list_filter *filter)
{
    const char *after, *last, *why;
    if (!read_phases(r, p, &filter->phases) || !read_one(r, p, "AFTER", &after) ||
        !read_one(r, p, "LAST", &last))
        return 0;
    if (after && parse_after(after, &filter->after, &why) < 0)
        return reply_refuse(p, 400, "AFTER: %s, found \"%.40s\"", why, after);
    if (!last)
        return 1;
    filter->most = last[strspn(last, "0123456789")] ? 0 : strtoll(last, NULL, 10);
    if (filter->most < 1)
        return reply_refuse(p, 400, "LAST: expected a number above 0, found \"%.40s\"", last);
    return 1;
}

/* --- the list --- */

struct listing {
    const struct service *service;
    json_t *jobs;
};

static void set_time(json_t *row, const char *key, int64_t ms)
{
    char text[WHEN_TEXT];
    if (ms)
        json_object_set_new(row, key, json_string(moment_print(ms, text)));
}

static void add_job(void *context, const struct job *j, const char *runid)
{
    const struct listing *listing = context;
    own(str_fini) char *url = service_url(listing->service, "jobs/%s", j->id);
    json_t *row = json_pack("{s:s,s:s*,s:s*,s:s*,s:s,s:s*,s:s}", "id", j->id, "name", j->name,
                            "runid", runid, "owner", j->owner, "phase", phase_name(j->phase),
                            "platform", j->platform, "url", url);
    set_time(row, "created", j->created);
    set_time(row, "started", j->started);
    set_time(row, "ended", j->ended);
    set_time(row, "destruction", j->destruction);
    json_array_append_new(listing->jobs, row);
}

int serve_jobs(struct service *s, struct request *r, struct reply *p, struct err *err)
{
    struct list_filter filter = {.after = INT64_MIN, .most = -1};
    own(json_fini) json_t *doc = json_object();
    const struct listing listing = {s, json_array()};
    json_object_set_new(doc, "jobs", listing.jobs);
    if (!read_filter(r, p, &filter))
        return 0;
    struct store *store = service_store(s, err);
    if (r->format == FORMAT_HTML && filter.most < 0)
        filter.most = PAGE_JOBS;
    if (r->format == FORMAT_HTML && filter.most > PAGE_MOST)
        filter.most = PAGE_MOST;
    filter.owner = s->administers ? NULL : s->who.name;
    filter.method = s->administers ? NULL : json_text(s->who.method, "type");
    if (!store || list_jobs(store, &filter, add_job, (void *)&listing, err) < 0)
        return -1;
    if (r->format == FORMAT_HTML)
        return page_jobs(s, r, p, listing.jobs, err);
    if (r->format != FORMAT_XML) {
        reply_document(p, r, doc);
        return 0;
    }
    p->type = format_type(FORMAT_XML);
    uws_list(&p->body, doc);
    return 0;
}
