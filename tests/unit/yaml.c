/* lib/text/yaml_write.c: what is written as YAML reads back as the same. */
#include "tap.h"
#include "text/doc.h"
#include "text/write.h"

static const char *const values[] = {
    "{}",
    "[]",
    "[[], {}, [[1]]]",
    "{\"a\": 1, \"b\": [1.5, -2e30, 1e-7, true, false, null], \"c\": {\"d\": \"e\"}}",
    /* words that would be something else without quotes, as values and as keys */
    "[\"true\", \"No\", \"NULL\", \"~\", \"\", \"y\", \"1\", \"0x1f\", \"1e3\", \".inf\", \"-\", "
    "\"?\"]",
    "{\"true\": 1, \"1\": 2, \"\": 3, \"null\": 4, \"<<\": 5, \"- a\": 6, \"a: b\": 7}",
    "[\"2026-11-22T10:00:00Z\", \"P1D\", \"12:30\", \"1_000\", \"0o17\"]",
    "[\"a: b\", \"a #b\", \"# c\", \"a\\nb\", \"a\\n\", \"\\n\", \" a\", \"a \", \"\\ta\", \"a:\", "
    "\"*a\", \"&a\", \"!a\"]",
    "[\"'\", \"\\\"\", \"it's\", \"\\\\\", \"{a}\", \"[a]\", \"a, b\", \"%a\", \"@a\", \"`a\", "
    "\"|\", \">\", \"--- a\", \"...\"]",
    "[\"\\u00e9\", \"\\ud83d\\ude00\", \"\\u0085\", \"\\u2028\", \"\\u0001\", \"\\u007f\", "
    "\"\\ufeff\", \"\\u001b[31m\"]",
    "[9223372036854775807, -9223372036854775808, 0.1, 1.0, 123456789.125]",
    "{\"deep\": {\"a\": [{\"b\": [{\"c\": []}]}], \"text\": \"x\\n  y\\n\\n z\"}}",
};

static void test_value(const char *text)
{
    own(json_fini) json_t *value = json_loads(text, JSON_DECODE_ANY, NULL), *back = NULL;
    own(buf_fini) struct buf b = {0};
    struct err err = {0};
    yaml_write(&b, value);
    if (!ok(doc_bytes("yaml", b.bytes, b.len, &back, &err) == 0 && json_equal(value, back), text))
        printf("# %s\n# %s\n", err.text, b.bytes);
}

/* Any bytes of ASCII, and some others, in any order. */
static void test_texts(void)
{
    static const char *const parts[] = {"a",  " ",  "\n", ":", "#", "-",      "'",
                                        "\"", "\\", "\t", "0", ",", "\u00e9", "\u2028"};
    uint32_t seed = 1;
    size_t wrong = 0;
    for (size_t i = 0; i < 20000; i++) {
        own(buf_fini) struct buf text = {0}, b = {0};
        own(json_fini) json_t *back = NULL;
        struct err err = {0};
        buf_str(&text, "");
        for (seed = seed * 1664525 + 1013904223; (seed >> 28) && text.len < 12;
             seed = seed * 1664525 + 1013904223)
            buf_str(&text, parts[(seed >> 16) % COUNT(parts)]);
        own(json_fini) json_t *value = json_pack("{s:[s]}", text.bytes, text.bytes);
        yaml_write(&b, value);
        if (doc_bytes("yaml", b.bytes, b.len, &back, &err) == 0 && json_equal(value, back))
            continue;
        if (wrong++ < 5)
            printf("# %s: %s\n", err.text, b.bytes);
    }
    is_int((int64_t)wrong, 0, "20,000 texts, as keys and as values");
}

int main(void)
{
    for (size_t i = 0; i < COUNT(values); i++)
        test_value(values[i]);
    test_texts();
    return tap_end();
}
