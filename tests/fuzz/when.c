/* Instants, durations, start windows and sizes: what is read prints, and reads as the same. */
#include "fuzz.h"
#include "text/size.h"
#include "text/when.h"

/* The canonical form has milliseconds; finer fractions are cut off. */
static int32_t cut(int32_t nsec)
{
    return nsec / 1000000 * 1000000;
}

static void check_when(const char *text)
{
    struct when w, again;
    bool sloppy = false;
    const char *why = NULL;
    char printed[WHEN_TEXT];
    if (when_parse(text, &w, NULL, &why) < 0) {
        must(why && *why, "refused without a word");
        return;
    }
    must(w.nsec >= 0 && w.nsec < 1000000000, "nsec %d", w.nsec);
    when_print(w, printed);
    must(when_parse(printed, &again, &sloppy, &why) == 0, "printed as %s: %s", printed, why);
    must(!sloppy, "printed as %s", printed);
    must(again.sec == w.sec && again.nsec == cut(w.nsec), "printed as %s", printed);
}

static void check_duration(const char *text)
{
    struct duration d, again;
    bool sloppy = false;
    const char *why = NULL;
    char printed[WHEN_TEXT];
    if (duration_parse(text, &d, NULL, &why) < 0) {
        must(why && *why, "refused without a word");
        return;
    }
    must(d.months >= 0 && d.sec >= 0 && d.nsec >= 0 && d.nsec < 1000000000, "negative");
    duration_print(d, printed);
    must(duration_parse(printed, &again, &sloppy, &why) == 0, "printed as %s: %s", printed, why);
    must(!sloppy, "printed as %s", printed);
    must(again.months == d.months && again.sec == d.sec && again.nsec == cut(d.nsec),
         "printed as %s", printed);
    must(duration_seconds(d, (struct when){0, 0}) >= d.sec, "shorter than its seconds");
}

static void check_window(const char *text)
{
    struct window w, again;
    bool sloppy = false;
    const char *why = NULL;
    char printed[WINDOW_TEXT], twice[WINDOW_TEXT];
    if (window_parse(text, &w, NULL, &why) < 0) {
        must(why && *why, "refused without a word");
        return;
    }
    must(when_compare(w.from, w.to) <= 0, "ends before it begins");
    must(w.instant == (when_compare(w.from, w.to) == 0), "an instant has no length");
    window_print(w, printed);
    must(window_parse(printed, &again, &sloppy, &why) == 0, "printed as %s: %s", printed, why);
    must(!sloppy, "printed as %s", printed);
    must(again.from.sec == w.from.sec && again.to.sec == w.to.sec, "printed as %s", printed);
    must(str_same(printed, window_print(again, twice)), "%s, again %s", printed, twice);
}

static void check_size(const json_t *value)
{
    int64_t up, down, again;
    const char *why = NULL;
    int rc = size_parse(value, false, &down, &why);
    must(rc == 0 || (why && *why), "refused without a word");
    if (rc < 0 || size_parse(value, true, &up, &why) < 0)
        return;
    must(down >= 0 && up >= down && up - down <= 1, "%" PRId64 " to %" PRId64, down, up);
    own(json_fini) json_t *printed = size_json(down);
    if (down < INT64_C(1) << 53) { /* a double holds it */
        must(size_parse(printed, true, &again, &why) == 0, "%s", why);
        must(again == down, "%" PRId64 " read again as %" PRId64, down, again);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    own(str_fini) char *text = mem_new(size + 1);
    memcpy(text, data, size);
    check_when(text);
    check_duration(text);
    check_window(text);
    own(json_fini) json_t *string = json_string(text);
    if (string)
        check_size(string);
    char *end;
    double v = strtod(text, &end);
    own(json_fini) json_t *number = end != text ? json_real(v) : NULL;
    if (number)
        check_size(number);
    return 0;
}
