#include <math.h>
#include "text/size.h"

static const struct {
    const char *name;
    int64_t bytes;
} units[] = {
    {"B", 1},
    {"kB", 1000},
    {"KB", 1000},
    {"MB", 1000000},
    {"GB", 1000000000},
    {"TB", 1000000000000},
    {"PB", 1000000000000000},
    {"KiB", (int64_t)1 << 10},
    {"MiB", (int64_t)1 << 20},
    {"GiB", (int64_t)1 << 30},
    {"TiB", (int64_t)1 << 40},
    {"PiB", (int64_t)1 << 50},
};

static int too_large(const char **why)
{
    *why = "expected less, this is more than can be counted";
    return -1;
}

static int scaled(double v, double scale, bool up, int64_t *out, const char **why)
{
    double n = v * scale;
    /* 0.1 GiB is not a whole number of bytes, and neither is 2.3 * 1000 as a double. */
    double near = nearbyint(n);
    if (fabs(n - near) < 1e-6)
        n = near;
    n = up ? ceil(n) : floor(n);
    if (!(n >= 0)) {
        *why = "expected a number from 0 up";
        return -1;
    }
    if (n >= 9223372036854775808.0)
        return too_large(why);
    *out = (int64_t)n;
    return 0;
}

#define DIGITS "0123456789"

/* digits[.digits] times the unit, exactly: rounding down after each digit from the last one on is
 * rounding down once. */
static int unit_parse(const char *text, bool up, int64_t *bytes, const char **why)
{
    const size_t whole = strspn(text, DIGITS);
    const char *point = text + whole;
    const size_t places = *point == '.' ? strspn(point + 1, DIGITS) : 0;
    const char *name = point + (*point == '.') + places;
    int64_t unit = 0, part = 0, n = 0;
    bool rest = false;

    name += strspn(name, " ");
    for (size_t i = 0; i < COUNT(units); i++)
        if (strcmp(name, units[i].name) == 0)
            unit = units[i].bytes;
    if (unit == 0 || whole + places == 0) {
        *why = "expected GiB as a number, or a string with one of the units B, kB, MB, GB, TB, PB, "
               "KiB, "
               "MiB, GiB, TiB and PiB, like \"16 GB\"";
        return -1;
    }
    for (size_t i = places; i > 0; i--) {
        part += (point[i] - '0') * unit;
        rest = rest || part % 10;
        part /= 10;
    }
    for (size_t i = 0; i < whole; i++)
        if (__builtin_mul_overflow(n, 10, &n) || __builtin_add_overflow(n, text[i] - '0', &n))
            return too_large(why);
    if (__builtin_mul_overflow(n, unit, &n) || __builtin_add_overflow(n, part + (up && rest), &n))
        return too_large(why);
    *bytes = n;
    return 0;
}

int size_parse(const json_t *value, bool up, int64_t *bytes, const char **why)
{
    if (json_is_number(value))
        return scaled(json_number_value(value), (double)GIB, up, bytes, why);
    const char *text = json_string_value(value);
    return unit_parse(text ? text : "", up, bytes, why);
}

int cores_parse(const json_t *value, bool up, int64_t *milli, const char **why)
{
    if (!json_is_number(value)) {
        *why = "expected a number of cores";
        return -1;
    }
    return scaled(json_number_value(value), 1000.0, up, milli, why);
}

json_t *size_json(int64_t bytes)
{
    if (bytes % GIB == 0)
        return json_integer(bytes / GIB);
    return json_real((double)bytes / (double)GIB);
}

json_t *cores_json(int64_t milli)
{
    if (milli % 1000 == 0)
        return json_integer(milli / 1000);
    return json_real((double)milli / 1000.0);
}

char *size_print(int64_t bytes, char text[SIZE_TEXT])
{
    static const char *const names[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB"};
    double v = (double)bytes;
    size_t i = 0;
    while (v >= 1023.5 && /* or it would be printed as 1024 */
           i + 1 < COUNT(names)) {
        v /= 1024.0;
        i++;
    }
    snprintf(text, SIZE_TEXT, v >= 100 || v == floor(v) ? "%.0f %s" : "%.1f %s", v, names[i]);
    return text;
}
