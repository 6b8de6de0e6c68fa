/* lib/text/when.c: instants, durations, windows. */
#include "text/when.h"
#include "tap.h"

static const char *const instants[][2] = {
    {"2023-08-14T11:30:00Z", "2023-08-14T11:30:00Z"},
    {"2023-08-14T11:30:00.5Z", "2023-08-14T11:30:00.500Z"},
    {"2023-08-14T11:30:00,123456789Z", "2023-08-14T11:30:00.123Z"},
    {"2023-08-14T11:30:00.1234567899999Z", "2023-08-14T11:30:00.123Z"},
    {"2023-08-14T11:30:00.000Z", "2023-08-14T11:30:00Z"},
    {"2023-08-14T13:30:00+02:00", "2023-08-14T11:30:00Z"},
    {"2023-08-14T13:30:00+0200", "2023-08-14T11:30:00Z"},
    {"2023-08-14T06:00:00-05:30", "2023-08-14T11:30:00Z"},
    {"2023-01-01T00:30:00+01:00", "2022-12-31T23:30:00Z"},
    {"2023-12-31T23:30:00-01:00", "2024-01-01T00:30:00Z"},
    {"2024-02-28T23:59:60Z", "2024-02-29T00:00:00Z"},
    {"2024-02-28T24:00:00Z", "2024-02-29T00:00:00Z"},
    {"2024-02-29T00:00:00Z", "2024-02-29T00:00:00Z"},
    {"2000-02-29T00:00:00Z", "2000-02-29T00:00:00Z"},
    {"1969-12-31T23:59:59Z", "1969-12-31T23:59:59Z"},
    {"0000-01-01T00:00:00Z", "0000-01-01T00:00:00Z"},
    {"9999-12-31T23:59:59Z", "9999-12-31T23:59:59Z"},
    {"~2023-08-14T11:30Z", "2023-08-14T11:30:00Z"},
    {"~2023-08-14T11:30+02:00", "2023-08-14T09:30:00Z"},
    {"~2023-08-14", "2023-08-14T00:00:00Z"},
    {"", "!expected an instant"},
    {"2023", "!expected an instant"},
    {"2023-08", "!expected an instant"},
    {"20230814T113000Z", "!expected an instant"},
    {"11:30:00Z", "!expected an instant"},
    {"2023-8-14", "!expected an instant"},
    {" 2023-08-14T11:30:00Z", "!expected an instant"},
    {"2023-08-14T", "!expected a time like"},
    {"2023-08-14T11", "!expected a time like"},
    {"2023-08-14T1130Z", "!expected a time like"},
    {"2023-08-14T11:3Z", "!expected a time like"},
    {"2023-08-14T11:30:0Z", "!two digits of seconds"},
    {"2023-08-14T11:30:00.Z", "!two digits of seconds"},
    {"2023-08-14T11:30:00", "!expected a time zone"},
    {"2023-08-14T11:30", "!expected a time zone"},
    {"2023-08-14T11:30:00+2", "!expected a time zone"},
    {"2023-08-14T11:30:00+24:00", "!expected a time zone"},
    {"2023-08-14T11:30:00 Z", "!expected a time zone"},
    {"2023-08-14T11:30:00z", "!expected a time zone"},
    {"2023-08-14 11:30:00Z", "!something behind the time"},
    {"2023-08-14T11:30:00Zx", "!something behind the time"},
    {"2023-02-29T00:00:00Z", "!no such date"},
    {"1900-02-29", "!no such date"},
    {"2023-04-31", "!no such date"},
    {"2023-00-10", "!no such date"},
    {"2023-13-10", "!no such date"},
    {"2023-12-00", "!no such date"},
    {"2023-08-14T24:00:01Z", "!no such time of day"},
    {"2023-08-14T25:00:00Z", "!no such time of day"},
    {"2023-08-14T12:60:00Z", "!no such time of day"},
    {"2023-08-14T12:00:61Z", "!no such time of day"},
    {"9999-12-31T23:59:59-01:00", "!a year from 0000 to 9999"},
    {"0000-01-01T00:00:00+00:01", "!a year from 0000 to 9999"},
};

static const char *const durations[][2] = {
    {"PT1H", "PT1H"},
    {"PT1H30M", "PT1H30M"},
    {"PT90M", "PT1H30M"},
    {"PT90S", "PT1M30S"},
    {"PT0.5S", "PT0.500S"},
    {"PT1,25S", "PT1.250S"},
    {"PT0.0000001S", "PT0S"},
    {"PT24H", "P1D"},
    {"P1D", "P1D"},
    {"P1DT12H", "P1DT12H"},
    {"P2W", "P14D"},
    {"P1M", "P1M"},
    {"PT1M", "PT1M"},
    {"P1Y2M3DT4H5M6S", "P1Y2M3DT4H5M6S"},
    {"P14M", "P1Y2M"},
    {"P0D", "PT0S"},
    {"PT0S", "PT0S"},
    {"P9999Y11M3659999DT23H59M59.999S", "P9999Y11M3659999DT23H59M59.999S"},
    {"~1H", "PT1H"},
    {"~1D", "P1D"},
    {"~2D", "P2D"},
    {"~5D", "P5D"},
    {"~P1H", "PT1H"},
    {"~P4H", "PT4H"},
    {"~P1H30M", "PT1H30M"},
    {"~1H30M", "PT1H30M"},
    {"~30S", "PT30S"},
    {"~T1H", "PT1H"},
    {"~1M", "P1M"},
    {"~1DT1M", "P1DT1M"},
    {"", "!expected a duration"},
    {"P", "!expected a duration"},
    {"PT", "!expected a duration"},
    {"P1", "!expected a duration"},
    {"P1DT", "!expected a duration"},
    {"PD", "!expected a duration"},
    {"P-1D", "!expected a duration"},
    {"-P1D", "!expected a duration"},
    {"P1X", "!expected a duration"},
    {"P1d", "!expected a duration"},
    {"P1D1Y", "!expected a duration"},
    {"P1D1D", "!expected a duration"},
    {"P1D30M", "!expected a duration"},
    {"PT1HT1M", "!expected a duration"},
    {"PT1S1M", "!expected a duration"},
    {"PT1.S", "!expected a duration"},
    {"PT1H ", "!expected a duration"},
    {"one hour", "!expected a duration"},
    {"PT1.5H", "!only seconds may have a fraction"},
    {"P0.5D", "!only seconds may have a fraction"},
    {"P10000Y", "!below 10,000 years"},
    {"P999999999999Y", "!below 10,000 years"},
    {"PT999999999999S", "!below 10,000 years"},
    {"P99999999999999999999D", "!expected a duration"},
};

static const char *const windows[][2] = {
    {"2023-08-14T11:30:00Z", "2023-08-14T11:30:00Z"},
    {"2023-08-14T11:30:00Z/2023-08-14T12:00:00Z", "2023-08-14T11:30:00Z/2023-08-14T12:00:00Z"},
    {"2023-08-14T11:30:00Z/PT1H", "2023-08-14T11:30:00Z/2023-08-14T12:30:00Z"},
    {"2023-08-14T11:30:00Z/PT0.5S", "2023-08-14T11:30:00Z/2023-08-14T11:30:00.500Z"},
    {"2023-01-31T00:00:00Z/P1M", "2023-01-31T00:00:00Z/2023-02-28T00:00:00Z"},
    {"2023-03-01T00:30:00+02:00/P1M", "2023-02-28T22:30:00Z/2023-03-31T22:30:00Z"},
    {"2023-01-31T23:00:00-05:00/P1M", "2023-02-01T04:00:00Z/2023-03-01T04:00:00Z"},
    {"2023-08-14T12:00:00+02/PT1H", "2023-08-14T10:00:00Z/2023-08-14T11:00:00Z"},
    {"2023-08-14T23:00:00+02:00/PT4H", "2023-08-14T21:00:00Z/2023-08-15T01:00:00Z"},
    {"~2023-08-14T11:30Z", "2023-08-14T11:30:00Z"},
    {"~2023-08-14", "2023-08-14T00:00:00Z"},
    {"~2023-08-14/P1D", "2023-08-14T00:00:00Z/2023-08-15T00:00:00Z"},
    {"~2023-08-14/2023-08-16", "2023-08-14T00:00:00Z/2023-08-16T00:00:00Z"},
    {"~2023-08-14T11:30Z/T12:00Z", "2023-08-14T11:30:00Z/2023-08-14T12:00:00Z"},
    {"~2023-08-14T11:30:00Z/T12:00:00Z", "2023-08-14T11:30:00Z/2023-08-14T12:00:00Z"},
    {"~2023-08-14T01:00+02:00/T03:00+02:00", "2023-08-13T23:00:00Z/2023-08-14T01:00:00Z"},
    {"~2023-08-14T23:00-05:00/T23:30-05:00", "2023-08-15T04:00:00Z/2023-08-15T04:30:00Z"},
    {"~1969-07-20T20:17Z/T21:00Z", "1969-07-20T20:17:00Z/1969-07-20T21:00:00Z"},
    {"~2023-08-14T11:30:00Z/1H", "2023-08-14T11:30:00Z/2023-08-14T12:30:00Z"},
    {"~2023-08-14T11:30:00Z/P4H", "2023-08-14T11:30:00Z/2023-08-14T15:30:00Z"},
    {"~2023-08-14T11:30:00Z/5D", "2023-08-14T11:30:00Z/2023-08-19T11:30:00Z"},
    {"", "!expected an instant"},
    {"/", "!expected an instant"},
    {"/P1D", "!expected an instant"},
    {"P1D", "!the start first"},
    {"P1D/2023-08-14T11:30:00Z", "!the start first"},
    {"R/2023-08-14T11:30:00Z/P1D", "!repeating intervals"},
    {"R5/2023-08-14T11:30:00Z/P1D", "!repeating intervals"},
    {"1D", "!expected an instant"},
    {"2023-08-14T11:30:00Z x", "!something behind"},
    {"2023-08-14T11:30:00Z/", "!expected a duration"},
    {"2023-08-14T11:30:00Z/x", "!expected a duration"},
    {"2023-08-14T11:30:00Z/T", "!expected a time like"},
    {"2023-08-14T11:30:00Z/T12:00", "!expected a time zone"},
    {"2023-08-14T11:30:00Z/T12:00Z/P1D", "!something behind"},
    {"2023-08-14T11:30:00Z/2023-08-15T11:30:00Z/P1D", "!something behind"},
    {"2023-08-14T11:30:00Z/P1D/P1D", "!expected a duration"},
    {"2023-08-14T11:30:00Z/PT0S", "!after the start"},
    {"2023-08-14T11:30:00Z/2023-08-14T11:30:00Z", "!after the start"},
    {"2023-08-14T11:30:00Z/2023-08-13T11:30:00Z", "!after the start"},
    {"2023-08-14T11:30:00Z/T11:00:00Z", "!after the start"},
    {"2023-08-14T11:30:00Z/PT0.0009S", "!after the start"}, /* in print it would have no length */
    {"2023-08-14T11:30:00.0019Z/PT0.0001S", "2023-08-14T11:30:00.001Z/2023-08-14T11:30:00.002Z"},
    {"2023-08-14T11:30:00Z/P9000Y", "!a year from 0000 to 9999"},
};

enum sort { INSTANT, DURATION, WINDOW };

/* What the text prints as, "~" before what is only tolerated, or "!" and why not. */
static char *read_as(enum sort sort, const char *text, bool *sloppy)
{
    char out[WINDOW_TEXT];
    const char *why = NULL;
    struct when w = {-1, -1};
    struct duration d = {-1, -1, -1};
    struct window v = {.from = {-1, -1}};
    int rc = sort == INSTANT    ? when_parse(text, &w, sloppy, &why)
             : sort == DURATION ? duration_parse(text, &d, sloppy, &why)
                                : window_parse(text, &v, sloppy, &why);
    if (rc < 0 && (w.nsec != -1 || d.nsec != -1 || v.from.nsec != -1))
        return str_new("set in spite of an error");
    if (rc < 0)
        return str_print("!%s", why);
    return str_new(sort == INSTANT    ? when_print(w, out)
                   : sort == DURATION ? duration_print(d, out)
                                      : window_print(v, out));
}

static void test_forms(enum sort sort, const char *const (*rows)[2], size_t n)
{
    for (size_t i = 0; i < n; i++) {
        bool sloppy = false, tolerated = rows[i][0][0] == '~', refused = rows[i][1][0] == '!';
        const char *text = rows[i][0] + tolerated;
        own(str_fini) char *got = read_as(sort, text, &sloppy);
        if (refused) {
            ok(*got == '!', text);
            has_str(got, rows[i][1] + 1, "and why");
            ok(!sloppy, "sloppy is set only on success");
            continue;
        }
        is_str(got, rows[i][1], text);
        ok(sloppy == tolerated, tolerated ? "is only tolerated" : "is a proper form");
        own(str_fini) char *strict = read_as(sort, text, NULL);
        is_str(strict, got, "reads the same when nobody asks for sloppiness");
        own(str_fini) char *again = read_as(sort, got, &sloppy);
        is_str(again, got, "what is printed reads back");
    }
}

/* Against the C library, over 0000 to 9999, in steps that meet every month and weekday. */
static void test_timegm(void)
{
    int wrong = 0, n = 0;
    for (int64_t t = -62167219200; t <= 253402300799; t += 86400 * INT64_C(1777) + 4321, n++) {
        time_t sec = (time_t)t;
        struct tm tm;
        char want[80], got[WHEN_TEXT], local[100];
        gmtime_r(&sec, &tm);
        snprintf(want, sizeof(want), "%04d-%02d-%02dT%02d:%02d:%02dZ", tm.tm_year + 1900,
                 tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec);
        wrong += strcmp(when_print((struct when){t, 0}, got), want) != 0;
        struct when back = {0};
        const char *why;
        wrong += when_parse(want, &back, NULL, &why) != 0 || back.sec != (int64_t)timegm(&tm);

        int offset = n % 1439; /* minutes */
        snprintf(local, sizeof(local), "%.19s%c%02d:%02d", want, n % 2 ? '-' : '+', offset / 60,
                 offset % 60);
        int64_t utc = t + (n % 2 ? 60 : -60) * offset;
        if (when_parse(local, &back, NULL, &why) == 0)
            wrong += back.sec != utc;
    }
    ok(n > 2000, "over 2,000 dates");
    is_int(wrong, 0, "agree with timegm() and gmtime_r()");
}

/* Every day of 1896 to 2004: which exist is decided by timegm() leaving them alone. */
static void test_calendar(void)
{
    int wrong = 0;
    for (int i = 0; i < 108 * 12 * 32; i++) {
        int day = i % 32, month = i / 32 % 12 + 1, year = 1896 + i / 384;
        struct tm tm = {.tm_year = year - 1900, .tm_mon = month - 1, .tm_mday = day};
        time_t sec = timegm(&tm);
        bool exists = tm.tm_mday == day && tm.tm_mon == month - 1;
        char text[60];
        const char *why;
        struct when w;
        snprintf(text, sizeof(text), "%04d-%02d-%02dT00:00:00Z", year, month, day);
        int rc = when_parse(text, &w, NULL, &why);
        wrong += exists ? rc != 0 || w.sec != (int64_t)sec : rc == 0;
    }
    is_int(wrong, 0, "a day exists when timegm() says so");
}

static void test_add(void)
{
    static const char *const rows[][3] = {
        {"2023-01-31T10:00:00Z", "P1M", "2023-02-28T10:00:00Z"},
        {"2024-01-31T10:00:00Z", "P1M", "2024-02-29T10:00:00Z"},
        {"2024-01-31T10:00:00Z", "P2M", "2024-03-31T10:00:00Z"},
        {"2024-02-29T00:00:00Z", "P1Y", "2025-02-28T00:00:00Z"},
        {"2024-02-29T00:00:00Z", "P4Y", "2028-02-29T00:00:00Z"},
        {"2023-12-15T00:00:00Z", "P1M", "2024-01-15T00:00:00Z"},
        {"2023-01-31T00:00:00Z", "P1M1D", "2023-03-01T00:00:00Z"},
        {"2023-08-14T11:30:00Z", "PT1M", "2023-08-14T11:31:00Z"},
        {"1969-11-30T23:59:59.900Z", "P3MT0.2S", "1970-03-01T00:00:00.100Z"},
        {"2023-12-31T23:59:59.500Z", "PT0.5S", "2024-01-01T00:00:00Z"},
        {"9999-12-31T00:00:00Z", "P9998Y", "9999-12-31T23:59:59Z"}, /* the end of the years */
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct when w = {0};
        struct duration d = {0};
        const char *why;
        char text[WHEN_TEXT];
        own(str_fini) char *name = str_print("%s + %s", rows[i][0], rows[i][1]);
        ok(when_parse(rows[i][0], &w, NULL, &why) == 0 &&
               duration_parse(rows[i][1], &d, NULL, &why) == 0,
           name);
        struct when sum = when_add(w, d);
        is_str(when_print(sum, text), rows[i][2], name);
        if (w.nsec == 0)
            is_int(duration_seconds(d, w), sum.sec - w.sec, "and in seconds");
    }
}

static void test_rest(void)
{
    char text[WHEN_TEXT];
    struct when a = {5, 1}, b = {5, 2}, c = {6, 0};
    ok(when_compare(a, b) < 0 && when_compare(b, a) > 0 && when_compare(a, a) == 0, "nanoseconds");
    ok(when_compare(b, c) < 0 && when_compare(c, b) > 0, "seconds first");
    is_int(duration_seconds((struct duration){0, 1, 1}, a), 2, "a fraction is rounded up");
    is_int(duration_seconds((struct duration){.months = 1}, (struct when){0}), 31 * 86400,
           "a month of 31 days");
    is_str(duration_print(duration_of(3661), text), "PT1H1M1S", "duration_of");
    is_str(duration_print(duration_of(INT64_MAX), text), "P106751991167300DT15H30M7S",
           "the longest");
    is_str(when_print((struct when){INT64_MAX, 999999999}, text), "9999-12-31T23:59:59Z",
           "no date has five digits for its year");
    is_str(when_print((struct when){INT64_MIN, 0}, text), "0000-01-01T00:00:00Z", "nor fewer");
    is_str(moment_print(1700000000000, text), "2023-11-14T22:13:20.000Z",
           "a moment has them always");
    is_str(moment_print(1700000000042, text), "2023-11-14T22:13:20.042Z",
           "so moments sort as text");
}

int main(void)
{
    test_forms(INSTANT, instants, COUNT(instants));
    test_forms(DURATION, durations, COUNT(durations));
    test_forms(WINDOW, windows, COUNT(windows));
    test_timegm();
    test_calendar();
    test_add();
    test_rest();
    return tap_end();
}
