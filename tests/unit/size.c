/* lib/text/size.c: bytes and cores. */
#include "text/size.h"
#include "text/write.h"
#include "tap.h"

struct row {
    const char *value; /* JSON */
    int64_t down, up;  /* -1: refused */
};

static const struct row sizes[] = {
    {"16", 16 * GIB, 16 * GIB},
    {"0", 0, 0},
    {"1.5", 1610612736, 1610612736},
    {"0.1", 107374182, 107374183},
    {"1e-12", 0, 1},
    {"8589934591", 8589934591 * GIB, 8589934591 * GIB},
    {"8589934592", -1, -1},
    {"1e300", -1, -1},
    {"-1", -1, -1},
    {"-0.5", -1, -1},
    {"\"16 GB\"", 16000000000, 16000000000},
    {"\"16GB\"", 16000000000, 16000000000},
    {"\"16 GiB\"", 16 * GIB, 16 * GIB},
    {"\"0 B\"", 0, 0},
    {"\"1 B\"", 1, 1},
    {"\"1 kB\"", 1000, 1000},
    {"\"1 KB\"", 1000, 1000},
    {"\"1 KiB\"", 1024, 1024},
    {"\"1 MB\"", 1000000, 1000000},
    {"\"1 MiB\"", 1048576, 1048576},
    {"\"1 TB\"", 1000000000000, 1000000000000},
    {"\"1 TiB\"", 1099511627776, 1099511627776},
    {"\"1 PB\"", 1000000000000000, 1000000000000000},
    {"\"1 PiB\"", 1125899906842624, 1125899906842624},
    {"\"2.3 kB\"", 2300, 2300},
    {"\"4.35 PB\"", 4350000000000000, 4350000000000000},
    {"\".5 KiB\"", 512, 512},
    {"\"1. KiB\"", 1024, 1024},
    {"\"1.5 B\"", 1, 2},
    {"\"0.1 GiB\"", 107374182, 107374183},
    {"\"0.00000000000000000000000001 PB\"", 0, 1},
    {"\"9007199254740993 B\"", 9007199254740993, 9007199254740993},
    {"\"9223372036854775807 B\"", INT64_MAX, INT64_MAX},
    {"\"9223372036854775806.5 B\"", INT64_MAX - 1, INT64_MAX},
    {"\"9223372036854775807.5 B\"", INT64_MAX, -1},
    {"\"9223372036854775808 B\"", -1, -1},
    {"\"99999999999999999999 B\"", -1, -1},
    {"\"8192 PiB\"", -1, -1},
    {"\"16\"", -1, -1},
    {"\"16 \"", -1, -1},
    {"\"\"", -1, -1},
    {"\"GB\"", -1, -1},
    {"\". GB\"", -1, -1},
    {"\"1.2.3 GB\"", -1, -1},
    {"\"-1 GB\"", -1, -1},
    {"\"+1 GB\"", -1, -1},
    {"\" 1 GB\"", -1, -1},
    {"\"1 GB \"", -1, -1},
    {"\"0x10 GB\"", -1, -1},
    {"\"1e3 GB\"", -1, -1},
    {"\"inf GB\"", -1, -1},
    {"\"1 gb\"", -1, -1},
    {"\"1 G\"", -1, -1},
    {"\"1,5 GB\"", -1, -1},
    {"null", -1, -1},
    {"true", -1, -1},
    {"[16]", -1, -1},
};

static const struct row cores[] = {
    {"1", 1000, 1000},        {"0", 0, 0},      {"0.5", 500, 500},      {"2.3", 2300, 2300},
    {"0.001", 1, 1},          {"0.0001", 0, 1}, {"1.0005", 1000, 1001}, {"8.7", 8700, 8700},
    {"1e20", -1, -1},         {"-1", -1, -1},   {"\"2\"", -1, -1},      {"null", -1, -1},
    {"64.064", 64064, 64064},
};

typedef int parse_fn(const json_t *value, bool up, int64_t *out, const char **why);

static void test_rows(parse_fn *parse, const struct row *rows, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        own(json_fini) json_t *j = json_loads(rows[i].value, JSON_DECODE_ANY, NULL);
        for (int up = 0; up < 2; up++) {
            int64_t out = -1, want = up ? rows[i].up : rows[i].down;
            const char *why = NULL;
            own(str_fini) char *name = str_print("%s %s", rows[i].value, up ? "up" : "down");
            int rc = parse(j, up, &out, &why);
            is_int(out, want, name);
            if (rc < 0 || want < 0)
                ok(rc == -1 && want == -1 && why && str_begins(why, "expected"), name);
        }
    }
}

static void test_json(void)
{
    static const struct {
        int64_t value;
        const char *size, *cores;
    } rows[] = {
        {16 * GIB, "16", "17179869184"}, /* the second in milli-cores, scaled below */
        {0, "0", "0"},
        {1610612736, "1.5", "1610612.736"},
        {500, "4.6566128730773926e-07", "0.5"},
        {2300, "2.1420419216156006e-06", "2.3"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        int64_t back = -1;
        const char *why;
        own(json_fini) json_t *j = size_json(rows[i].value);
        own(str_fini) char *text = write_string(j);
        is_str(text, rows[i].size, "size_json");
        size_parse(j, i % 2, &back, &why);
        is_int(back, rows[i].value, "and back");
        int64_t milli = i ? rows[i].value : rows[i].value * 1000;
        own(json_fini) json_t *c = cores_json(milli);
        own(str_fini) char *number = write_string(c);
        is_str(number, rows[i].cores, "cores_json");
        cores_parse(c, i % 2, &back, &why);
        is_int(back, milli, "and back");
    }
    int wrong = 0;
    for (int64_t v = 1; v < 1000000; v += 7) {
        int64_t down = -1, up = -1;
        const char *why;
        own(json_fini) json_t *c = cores_json(v);
        cores_parse(c, false, &down, &why);
        cores_parse(c, true, &up, &why);
        wrong += down != v || up != v;
    }
    is_int(wrong, 0, "milli-cores survive, rounded up or down");
}

static void test_print(void)
{
    static const struct {
        int64_t bytes;
        const char *want;
    } rows[] = {
        {0, "0 B"},
        {1, "1 B"},
        {1023, "1023 B"},
        {1024, "1 KiB"},
        {1536, "1.5 KiB"},
        {150 * 1024 + 512, "150 KiB"},
        {1024 * 1024 - 1, "1.0 MiB"},
        {GIB + GIB / 2, "1.5 GiB"},
        {16 * GIB, "16 GiB"},
        {2000 * GIB, "2.0 TiB"},
        {INT64_MAX, "8192 PiB"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        char text[SIZE_TEXT];
        is_str(size_print(rows[i].bytes, text), rows[i].want, rows[i].want);
    }
}

int main(void)
{
    test_rows(size_parse, sizes, COUNT(sizes));
    test_rows(cores_parse, cores, COUNT(cores));
    test_json();
    test_print();
    return tap_end();
}
