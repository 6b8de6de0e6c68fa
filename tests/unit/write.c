/* lib/text/write.c: JSON out. */
#include <float.h>
#include <math.h>
#include "text/doc.h"
#include "text/write.h"
#include "tap.h"

static void test_reals(void)
{
    static const struct {
        double value;
        const char *want;
    } rows[] = {
        {0.0, "0.0"},
        {-0.0, "-0.0"},
        {1.0, "1.0"},
        {-2.0, "-2.0"},
        {0.1, "0.1"},
        {0.3, "0.3"},
        {0.1 + 0.2, "0.30000000000000004"},
        {1.0 / 3, "0.3333333333333333"},
        {2.0 / 3, "0.6666666666666666"},
        {2.5, "2.5"},
        {100000.0, "100000.0"},
        {123456789012345.0, "123456789012345.0"},
        {1e15, "1e+15"},
        {1e23, "1e+23"},
        {9007199254740993.0, "9007199254740992.0"},
        {5e-324, "5e-324"},
        {1.5e-323, "1.5e-323"},
        {DBL_MIN, "2.2250738585072014e-308"},
        {DBL_MAX, "1.7976931348623157e+308"},
        {1e-7, "1e-07"},
        {4.35, "4.35"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        own(json_fini) json_t *j = json_real(rows[i].value);
        own(str_fini) char *got = write_string(j);
        is_str(got, rows[i].want, rows[i].want);
    }
}

/* Random bit patterns: each reads back the same, as a real, and no shorter form would. */
static void test_real_round_trip(void)
{
    uint64_t x = 88172645463325252u;
    int wrong = 0, longer = 0;
    for (int i = 0; i < 20000; i++) {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        double v;
        uint64_t bits = i % 10 ? x : x & UINT64_C(0x800fffffffffffff); /* some subnormal */
        memcpy(&v, &bits, sizeof(v));
        if (!isfinite(v))
            continue;
        own(json_fini) json_t *j = json_real(v);
        own(str_fini) char *text = write_string(j);
        own(json_fini) json_t *back = json_loads(text, JSON_DECODE_ANY, NULL);
        wrong += !json_is_real(back) || json_real_value(back) != v;
        char brief[40];
        int digits = 1;
        for (; digits < 17; digits++) {
            snprintf(brief, sizeof(brief), "%.*g", digits, v);
            if (strtod(brief, NULL) == v)
                break;
        }
        snprintf(brief, sizeof(brief), "%.*g", digits, v);
        longer += strlen(text) > strlen(brief) + 2; /* .0 */
    }
    is_int(wrong, 0, "random doubles read back the same");
    is_int(longer, 0, "and are written in as few digits as can be");
}

static void test_round_trip(void)
{
    static const char *const rows[] = {
        "{}",
        "[]",
        "[[],{},[{}]]",
        "{\"z\":1,\"a\":[1,2.5,null,true,false],\"m\":{\"y\":\"\",\"b\":{}}}",
        "[9223372036854775807,-9223372036854775808,0]",
        "\"\\\"\\\\ \\n\\t\\r\\u0001\\u001f\\u007f\\u0000/\"",
        "\"\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80\"",
        "\"\\u0080\\u0085\\u009f\xc2\xa0\\u2028\\u2029\xe2\x80\xaa\\ufeff\xef\xbf\xbd\\ufffe\\uffff"
        "\"",
        "{\"\\u0085\":1}",
        "{\"\\n\\\"\":1,\"\":2}",
        "null",
        "1",
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct err err = {0};
        own(json_fini) json_t *doc = NULL;
        if (!ok(doc_bytes("x", rows[i], strlen(rows[i]), &doc, &err) == 0, rows[i]))
            continue;
        own(str_fini) char *got = write_string(doc);
        is_str(got, rows[i], rows[i]);
    }
}

static void test_indent(void)
{
    own(buf_fini) struct buf b = {0};
    own(json_fini) json_t *j = json_pack("{s:[i,{}],s:{s:s},s:[]}", "b", 1, "a", "k", "v", "empty");
    write_json(&b, j, 2);
    is_str(b.bytes,
           "{\n  \"b\": [\n    1,\n    {}\n  ],\n  \"a\": {\n    \"k\": \"v\"\n  },\n"
           "  \"empty\": []\n}",
           "indented by two");
    b.len = 0;
    buf_str(&b, "x=");
    write_json(&b, j, 0);
    is_str(b.bytes, "x={\"b\":[1,{}],\"a\":{\"k\":\"v\"},\"empty\":[]}", "compact, appended");
}

int main(void)
{
    test_reals();
    test_real_round_trip();
    test_round_trip();
    test_indent();
    return tap_end();
}
