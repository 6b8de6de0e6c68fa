#include "text/when.h"

#define WHEN_FIRST (-62167219200) /* 0000-01-01T00:00:00Z */
#define WHEN_LAST 253402300799    /* 9999-12-31T23:59:59Z */

/* Days since 1970-01-01 of a date of the proleptic Gregorian calendar, and back. */
static int64_t days_of(int64_t year, int month, int day)
{
    year -= month <= 2;
    int64_t era = (year >= 0 ? year : year - 399) / 400;
    int64_t yoe = year - era * 400;
    int64_t doy = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    int64_t doe = yoe * 365 + yoe / 4 - yoe / 100 + doy;
    return era * 146097 + doe - 719468;
}

static void date_of(int64_t days, int64_t *year, int *month, int *day)
{
    days += 719468;
    int64_t era = (days >= 0 ? days : days - 146096) / 146097;
    int64_t doe = days - era * 146097;
    int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    int64_t mp = (5 * doy + 2) / 153;
    *day = (int)(doy - (153 * mp + 2) / 5 + 1);
    *month = (int)(mp < 10 ? mp + 3 : mp - 9);
    *year = yoe + era * 400 + (*month <= 2);
}

/* Whole days, rounded down, and the seconds of the day. */
static void split(int64_t sec, int64_t *days, int64_t *rest)
{
    *rest = (sec % 86400 + 86400) % 86400;
    *days = (sec - *rest) / 86400;
}

static int days_in_month(int64_t year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return days[month - 1] + (month == 2 && leap);
}

/* n digits at *s; -1 when they are not there. */
static int digits(const char **s, int n)
{
    int v = 0;
    for (int i = 0; i < n; i++) {
        if ((*s)[i] < '0' || (*s)[i] > '9')
            return -1;
        v = v * 10 + (*s)[i] - '0';
    }
    *s += n;
    return v;
}

static int fraction(const char **s, int32_t *nsec)
{
    int32_t unit = 100000000;
    int n = 0;
    *nsec = 0;
    if (**s != '.' && **s != ',')
        return 0;
    for ((*s)++; **s >= '0' && **s <= '9'; (*s)++, n++) {
        *nsec += (**s - '0') * unit;
        unit /= 10;
    }
    return n ? 0 : -1;
}

/* Z, or an offset: +02:00, +0200, +02. In seconds. */
static int zone_parse(const char **s, int64_t *zone, const char **why)
{
    *zone = 0;
    if (**s == 'Z') {
        (*s)++;
        return 0;
    }
    if (**s == '+' || **s == '-') {
        const int sign = *(*s)++ == '-' ? -1 : 1;
        const int hours = digits(s, 2);
        const bool colon = **s == ':';
        *s += colon;
        const int minutes = colon || (**s >= '0' && **s <= '9') ? digits(s, 2) : 0;
        if (hours >= 0 && hours <= 23 && minutes >= 0 && minutes <= 59) {
            *zone = sign * (hours * 3600 + minutes * 60);
            return 0;
        }
    }
    *why = "expected a time zone: Z or an offset like +02:00";
    return -1;
}

/* hh:mm[:ss[.fff]] and a zone; the seconds of the day there. */
static int time_parse(const char **s, int64_t *sec, int32_t *nsec, int64_t *zone, bool *sloppy,
                      const char **why)
{
    int second = 0;
    int hour = digits(s, 2);
    if (hour < 0 || *(*s)++ != ':') {
        *why = "expected a time like 11:30:00Z";
        return -1;
    }
    int minute = digits(s, 2);
    if (minute < 0) {
        *why = "expected a time like 11:30:00Z";
        return -1;
    }
    *nsec = 0;
    if (**s == ':') {
        (*s)++;
        second = digits(s, 2);
        if (second < 0 || fraction(s, nsec) < 0) {
            *why = "expected two digits of seconds";
            return -1;
        }
    } else {
        *sloppy = true;
    }
    if (hour > 24 || minute > 59 || second > 60 || (hour == 24 && (minute || second || *nsec))) {
        *why = "there is no such time of day";
        return -1;
    }
    *sec = hour * 3600 + minute * 60 + second;
    return zone_parse(s, zone, why);
}

/* The day as it is written, which is another one in UTC perhaps. */
struct local {
    int64_t day, zone; /* seconds */
};

static int when_scan(const char **s, struct when *out, struct local *local, bool *sloppy,
                     const char **why)
{
    int year = digits(s, 4);
    int month = year >= 0 && *(*s)++ == '-' ? digits(s, 2) : -1;
    int day = month >= 0 && *(*s)++ == '-' ? digits(s, 2) : -1;
    if (day < 0) {
        *why = "expected an instant like 2023-08-14T11:30:00Z";
        return -1;
    }
    if (month < 1 || month > 12 || day < 1 || day > days_in_month(year, month)) {
        *why = "there is no such date";
        return -1;
    }
    *local = (struct local){days_of(year, month, day) * 86400, 0};
    *out = (struct when){local->day, 0};
    if (**s != 'T') {
        *sloppy = true;
        return 0;
    }
    (*s)++;
    int64_t sec;
    if (time_parse(s, &sec, &out->nsec, &local->zone, sloppy, why) < 0)
        return -1;
    out->sec += sec - local->zone;
    return 0;
}

/* when_print has four digits for the year; an offset or a duration may lead out of them. */
static int in_range(struct when w, const char **why)
{
    if (w.sec >= WHEN_FIRST && w.sec <= WHEN_LAST)
        return 0;
    *why = "expected a year from 0000 to 9999 (UTC)";
    return -1;
}

static int at_end(const char *s, const char **why)
{
    if (*s == '\0')
        return 0;
    *why = "there is something behind the time";
    return -1;
}

static void tell(bool *sloppy, bool rough)
{
    if (sloppy && rough)
        *sloppy = true;
}

int when_parse(const char *text, struct when *out, bool *sloppy, const char **why)
{
    struct when w;
    struct local local;
    bool rough = false;
    if (when_scan(&text, &w, &local, &rough, why) < 0 || at_end(text, why) < 0 ||
        in_range(w, why) < 0)
        return -1;
    *out = w;
    tell(sloppy, rough);
    return 0;
}

/* The designators in the order ISO 8601 wants them. */
static const struct {
    char letter;
    bool time;
    int64_t sec; /* 0: counts months */
    int months;
} units[] = {
    {'Y', false, 0, 12},  {'M', false, 0, 1}, {'W', false, 604800, 0}, {'D', false, 86400, 0},
    {'H', true, 3600, 0}, {'M', true, 60, 0}, {'S', true, 1, 0},
};

/* One number and its designator; `time` tells whether the T was passed. A missing T is tolerated
 * for H and S, whose meaning is plain, never for M. */
static int duration_item(const char **s, bool *time, size_t *unit, struct duration *d, bool *sloppy,
                         const char **why)
{
    int64_t v = 0;
    int32_t nsec = 0;
    const char *begin = *s;
    for (; **s >= '0' && **s <= '9'; (*s)++) {
        if (v > 100000000000)
            goto bad;
        v = v * 10 + **s - '0';
    }
    if (*s == begin)
        goto bad;
    bool has_fraction = **s == '.' || **s == ',';
    if (fraction(s, &nsec) < 0)
        goto bad;
    char letter = *(*s)++;
    if (!*time && (letter == 'H' || letter == 'S')) {
        *time = true;
        *sloppy = true;
    }
    for (; *unit < COUNT(units); (*unit)++) {
        if (units[*unit].letter != letter || units[*unit].time != *time)
            continue;
        if (has_fraction && letter != 'S') {
            *why = "only seconds may have a fraction";
            return -1;
        }
        d->months += v * units[*unit].months;
        d->sec += v * units[*unit].sec;
        d->nsec = nsec;
        (*unit)++;
        return 0;
    }
bad:
    *why = "expected a duration like PT10M (minutes), PT1H30M or P1D";
    return -1;
}

static int duration_scan(const char *text, struct duration *out, bool *sloppy, const char **why)
{
    struct duration d = {0};
    bool time = false;
    size_t unit = 0, items = 0;
    if (*text == 'P')
        text++;
    else
        *sloppy = true;
    for (; *text; items++) {
        if (*text == 'T' && !time) {
            time = true;
            text++;
        }
        if (duration_item(&text, &time, &unit, &d, sloppy, why) < 0)
            return -1;
    }
    if (items == 0) {
        *why = "expected a duration like PT10M (minutes), PT1H30M or P1D";
        return -1;
    }
    if (d.months >= 10000 * 12 || d.sec >= 10000 * 366 * INT64_C(86400)) {
        *why = "expected a duration below 10,000 years";
        return -1;
    }
    *out = d;
    return 0;
}

int duration_parse(const char *text, struct duration *out, bool *sloppy, const char **why)
{
    bool rough = false;
    if (duration_scan(text, out, &rough, why) < 0)
        return -1;
    tell(sloppy, rough);
    return 0;
}

/* What stands behind the slash: a time on the day of the start, a duration, or an instant. Months
 * and years are those of the start's own zone: 1 March and P1M is 1 April there. */
static int window_end(const char *text, struct local local, struct window *w, bool *sloppy,
                      const char **why)
{
    if (*text == 'T') {
        int64_t sec, zone;
        *sloppy = true;
        text++;
        if (time_parse(&text, &sec, &w->to.nsec, &zone, sloppy, why) < 0)
            return -1;
        w->to.sec = local.day + sec - zone;
    } else if (*text == 'P' || !strchr(text, '-')) {
        struct duration d;
        if (duration_scan(text, &d, sloppy, why) < 0)
            return -1;
        w->to = w->from;
        w->to.sec += local.zone;
        w->to = when_add(w->to, d);
        w->to.sec -= local.zone;
        return 0;
    } else if (when_scan(&text, &w->to, &local, sloppy, why) < 0) {
        return -1;
    }
    return at_end(text, why);
}

/* As when_print gives it. A window that has no length in print would not be read again. */
static struct when printed(struct when w)
{
    w.nsec -= w.nsec % 1000000;
    return w;
}

int window_parse(const char *text, struct window *out, bool *sloppy, const char **why)
{
    struct window w = {0};
    struct local local;
    bool rough = false;
    if (*text == 'R') {
        *why = "repeating intervals are not allowed (Planner 2.4)";
        return -1;
    }
    if (*text == 'P') {
        *why = "expected start/end or start/duration, the start first (Planner 2.4)";
        return -1;
    }
    if (when_scan(&text, &w.from, &local, &rough, why) < 0)
        return -1;
    w.instant = *text != '/';
    w.to = w.from;
    if (w.instant ? at_end(text, why) < 0 : window_end(text + 1, local, &w, &rough, why) < 0)
        return -1;
    if (!w.instant && when_compare(printed(w.to), printed(w.from)) <= 0) {
        *why = "the end must be after the start";
        return -1;
    }
    if (in_range(w.from, why) < 0 || in_range(w.to, why) < 0)
        return -1;
    *out = w;
    tell(sloppy, rough);
    return 0;
}

static char *print(struct when w, bool always, char text[WHEN_TEXT])
{
    int64_t days, rest, year;
    int month, day;
    if (w.sec < WHEN_FIRST)
        w = (struct when){WHEN_FIRST, 0};
    if (w.sec > WHEN_LAST)
        w = (struct when){WHEN_LAST, 0};
    split(w.sec, &days, &rest);
    date_of(days, &year, &month, &day);
    int n = snprintf(text, WHEN_TEXT, "%04d-%02d-%02dT%02d:%02d:%02d", (int)year, month, day,
                     (int)(rest / 3600), (int)(rest / 60 % 60), (int)(rest % 60));
    if (always || w.nsec >= 1000000)
        n += snprintf(text + n, WHEN_TEXT - (size_t)n, ".%03d", (int)(w.nsec / 1000000));
    snprintf(text + n, WHEN_TEXT - (size_t)n, "Z");
    return text;
}

char *when_print(struct when w, char text[WHEN_TEXT])
{
    return print(w, false, text);
}

struct when when_of_ms(int64_t ms)
{
    return (struct when){ms / 1000, (int32_t)(ms % 1000) * 1000000};
}

int64_t when_to_ms(struct when w)
{
    return w.sec * 1000 + w.nsec / 1000000;
}

char *moment_print(int64_t ms, char text[WHEN_TEXT])
{
    return print(when_of_ms(ms), true, text);
}

char *duration_print(struct duration d, char text[WHEN_TEXT])
{
    const struct {
        int64_t value;
        const char *letter;
    } parts[] = {
        {d.months / 12, "Y"},        {d.months % 12, "M"},     {d.sec / 86400, "D"},
        {d.sec % 86400 / 3600, "H"}, {d.sec % 3600 / 60, "M"},
    };
    const int ms = d.nsec / 1000000;
    size_t n = (size_t)snprintf(text, WHEN_TEXT, "P");
    for (size_t i = 0; i < COUNT(parts) && n < WHEN_TEXT; i++) {
        if (i == 3 && (d.sec % 86400 || ms || n == 1))
            n += (size_t)snprintf(text + n, WHEN_TEXT - n, "T");
        if (parts[i].value)
            n += (size_t)snprintf(text + n, WHEN_TEXT - n, "%" PRId64 "%s", parts[i].value,
                                  parts[i].letter);
    }
    if (n >= WHEN_TEXT)
        return text;
    if (ms)
        snprintf(text + n, WHEN_TEXT - n, "%d.%03dS", (int)(d.sec % 60), ms);
    else if (d.sec % 60 || text[n - 1] == 'T')
        snprintf(text + n, WHEN_TEXT - n, "%dS", (int)(d.sec % 60));
    return text;
}

char *window_print(struct window w, char text[WINDOW_TEXT])
{
    char from[WHEN_TEXT], to[WHEN_TEXT];
    when_print(w.from, from);
    if (w.instant)
        snprintf(text, WINDOW_TEXT, "%s", from);
    else
        snprintf(text, WINDOW_TEXT, "%s/%s", from, when_print(w.to, to));
    return text;
}

int when_compare(struct when a, struct when b)
{
    if (a.sec != b.sec)
        return a.sec < b.sec ? -1 : 1;
    return (a.nsec > b.nsec) - (a.nsec < b.nsec);
}

struct when when_add(struct when w, struct duration d)
{
    if (d.months) {
        int64_t days, rest, year;
        int month, day;
        split(w.sec, &days, &rest);
        date_of(days, &year, &month, &day);
        int64_t count = year * 12 + month - 1 + d.months;
        year = count / 12;
        month = (int)(count % 12) + 1;
        if (day > days_in_month(year, month))
            day = days_in_month(year, month);
        w.sec = days_of(year, month, day) * 86400 + rest;
    }
    w.sec += d.sec;
    w.nsec += d.nsec;
    if (w.nsec >= 1000000000) {
        w.nsec -= 1000000000;
        w.sec++;
    }
    return w;
}

int64_t duration_seconds(struct duration d, struct when from)
{
    from.nsec = 0;
    struct when to = when_add(from, d);
    return to.sec - from.sec + (to.nsec > 0);
}

struct duration duration_of(int64_t sec)
{
    return (struct duration){.sec = sec};
}
