/* lib/text/doc.c and yaml.c: documents in. */
#include "text/buf.h"
#include "text/doc.h"
#include "text/write.h"
#include "tap.h"

/* What an input reads as, compact, a document a line; an error as "! where: text". */
static char *read_bytes(const char *bytes, size_t len)
{
    struct buf b = {0};
    struct err err = {0};
    own(input_close) struct input in = {0};
    int rc = input_bytes(&in, "x", bytes, len, &err);
    for (int n = 0; rc >= 0; n++) {
        own(json_fini) json_t *doc = NULL;
        rc = input_next(&in, &doc, &err);
        if (rc == 0)
            return buf_take(&b);
        if (rc > 0)
            buf_str(&b, n ? "\n" : "");
        if (rc > 0)
            write_json(&b, doc, 0);
        else if (doc)
            buf_str(&b, "a document in spite of an error ");
    }
    if (err.code != CODE_DATA)
        buf_print(&b, "code %d ", err.code);
    buf_print(&b, "%s! %s: %s", b.len ? "\n" : "", err.where, err.text);
    return buf_take(&b);
}

static char *read_text(const char *text)
{
    return read_bytes(text, strlen(text));
}

/* YAML scalars as the core schema of 1.2 reads them (10.3.2). */
static void test_scalars(void)
{
    static const char *const rows[][2] = {
        {"no", "\"no\""},
        {"NO", "\"NO\""},
        {"yes", "\"yes\""},
        {"on", "\"on\""},
        {"off", "\"off\""},
        {"y", "\"y\""},
        {"true", "true"},
        {"True", "true"},
        {"TRUE", "true"},
        {"tRUE", "\"tRUE\""},
        {"false", "false"},
        {"False", "false"},
        {"FALSE", "false"},
        {"null", "null"},
        {"Null", "null"},
        {"NULL", "null"},
        {"~", "null"},
        {"", "null"},
        {"nULL", "\"nULL\""},
        {"0", "0"},
        {"-0", "0"},
        {"+12", "12"},
        {"-12", "-12"},
        {"0o17", "15"},
        {"017", "17"},
        {"0o8", "\"0o8\""},
        {"0o", "\"0o\""},
        {"0x1F", "31"},
        {"0xfG", "\"0xfG\""},
        {"-0x1F", "\"-0x1F\""},
        {"0b11", "\"0b11\""},
        {"012", "12"},
        {"1_000", "\"1_000\""},
        {"190:20:30", "\"190:20:30\""},
        {"12e03", "12000.0"},
        {"0.", "0.0"},
        {"+.5", "0.5"},
        {"+0x1F", "\"+0x1F\""},
        {"0O17", "\"0O17\""},
        {"0X1F", "\"0X1F\""},
        {"685.230_15e+03", "\"685.230_15e+03\""},
        {"++1", "\"++1\""},
        {"1 2", "\"1 2\""},
        {".e1", "\".e1\""},
        {"0x1.8p1", "\"0x1.8p1\""},
        {"nan(1)", "\"nan(1)\""},
        {"infinity", "\"infinity\""},
        {"12d", "\"12d\""},
        {"1e-400", "0.0"},
        {"1:30", "\"1:30\""},
        {"1.5", "1.5"},
        {"1.", "1.0"},
        {".5", "0.5"},
        {"-.5", "-0.5"},
        {"+1.0", "1.0"},
        {".", "\".\""},
        {"1e3", "1000.0"},
        {"1.5E-1", "0.15"},
        {"1e", "\"1e\""},
        {"1e+", "\"1e+\""},
        {"e5", "\"e5\""},
        {"1.2.3", "\"1.2.3\""},
        {"+", "\"+\""},
        {"inf", "\"inf\""},
        {"nan", "\"nan\""},
        {"0x", "\"0x\""},
        {"=", "\"=\""},
        {"2023-08-14", "\"2023-08-14\""},
        {"'no'", "\"no\""},
        {"'1'", "\"1\""},
        {"\"1\"", "\"1\""},
        {"''", "\"\""},
        {"\"\\0\"", "\"\\u0000\""},
        {"\"\\x41\"", "\"A\""},
        {"'~'", "\"~\""},
        {"'.nan'", "\".nan\""},
        {"'<<'", "\"<<\""},
        {"9223372036854775807", "9223372036854775807"},
        {"-9223372036854775808", "-9223372036854775808"},
        {"0x7fffffffffffffff", "9223372036854775807"},
        {"1e308", "1e+308"},
        {"4.9e-324", "5e-324"},
        {"\xc3\xa4", "\"\xc3\xa4\""},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        own(str_fini) char *input = str_print("k: %s\n", rows[i][0]);
        own(str_fini) char *want = str_print("{\"k\":%s}", rows[i][1]);
        own(str_fini) char *got = read_text(input);
        is_str(got, want, input);
    }
}

/* Documents: what each input reads as. */
static void test_documents(void)
{
    static const char *const rows[][2] = {
        {"{\"a\": 1}", "{\"a\":1}"},
        {"  \r\n\t[1, 2.50, \"x\", null, true]  \n", "[1,2.5,\"x\",null,true]"},
        {"\xef\xbb\xbf{\"a\": 1}", "{\"a\":1}"},
        {"\xef\xbb\xbf"
         "a: 1\n",
         "{\"a\":1}"},
        {"a: 1\r\nb:\r\n  - x\r\n  - y\r\n", "{\"a\":1,\"b\":[\"x\",\"y\"]}"},
        {"{a: b}", "{\"a\":\"b\"}"},
        {"{larger: deeper, NUL: 1}", "{\"larger\":\"deeper\",\"NUL\":1}"},
        {"[a, b,]", "[\"a\",\"b\"]"},
        {"{\"a\": 1,}", "{\"a\":1}"},
        {"{'a': 'b'}", "{\"a\":\"b\"}"},
        {"\"just text\"", "\"just text\""},
        {"\"a b\": 1\n\"c\": 2\n", "{\"a b\":1,\"c\":2}"},
        {"\"a\" : 1\n", "{\"a\":1}"},
        {"just text", "\"just text\""},
        {"42", "42"},
        {"{\"a\": \"\\u0000\"}", "{\"a\":\"\\u0000\"}"},
        {"{\"a\": \"\\ud83d\\ude00\"}", "{\"a\":\"\xf0\x9f\x98\x80\"}"},
        {"{\"z\": 1, \"a\": 2, \"m\": 3}", "{\"z\":1,\"a\":2,\"m\":3}"},
        {"z: 1\na: 2\nm: 3\n", "{\"z\":1,\"a\":2,\"m\":3}"},
        /* streams */
        {"{\"a\":1}\n{\"b\":2}\n\n{\"c\":3}", "{\"a\":1}\n{\"b\":2}\n{\"c\":3}"},
        {"{\"a\":1}{\"b\":2}[3]\"four\" 5", "{\"a\":1}\n{\"b\":2}\n[3]\n\"four\"\n5"},
        {"{\"a\":1}\r\n{\"b\":2}\r\n", "{\"a\":1}\n{\"b\":2}"},
        {"a: 1\n---\nb: 2\n", "{\"a\":1}\n{\"b\":2}"},
        {"---\na: 1\n---\nb: 2\n---\n", "{\"a\":1}\n{\"b\":2}"},
        {"---\n---\na: 1\n...\n---\nb: 2\n...\n", "{\"a\":1}\n{\"b\":2}"},
        {"--- ~\n--- 'x'\n--- ''\n", "null\n\"x\"\n\"\""},
        {"{a: 1}\n--- {b: 2}\n", "{\"a\":1}\n{\"b\":2}"},
        {"{\"a\": 1} # remark\n", "{\"a\":1}"},
        {"{\"a\": 1}\n---\n{\"b\": 2}\n--- \nc: 3\n", "{\"a\":1}\n{\"b\":2}\n{\"c\":3}"},
        {"# remark\na: 1\n", "{\"a\":1}"},
        /* anchors */
        {"a: &x [1, 2]\nb: *x\n", "{\"a\":[1,2],\"b\":[1,2]}"},
        {"a: &x 1\nb: &x 2\nc: *x\n", "{\"a\":1,\"b\":2,\"c\":2}"},
        {"&r {a: 1}\n", "{\"a\":1}"},
        {"a: [&x , *x]\n", "{\"a\":[null,null]}"},
        {"'<<': 1\n", "{\"<<\":1}"},
        {"a: |\n  one\n  two\nb: >-\n  one\n  two\n", "{\"a\":\"one\\ntwo\\n\",\"b\":\"one two\"}"},
        {"? a\n: 1\n", "{\"a\":1}"},
        {"&k a: 1\nb: *k\n", "{\"a\":1,\"b\":\"a\"}"},
        {"&k 12: 1\nb: *k\n", "{\"12\":1,\"b\":12}"},
        {"a: &x 1\nb: &x [2]\nc: *x\n", "{\"a\":1,\"b\":[2],\"c\":[2]}"},
        {"a: 1\r\rb: [x,\r y]\r", "{\"a\":1,\"b\":[\"x\",\"y\"]}"},
        {"a: 1\n---\n\xef\xbb\xbf"
         "b: 1\n",
         "{\"a\":1}\n{\"b\":1}"},
        {"a: |\r\n  x\r\n  y\r\nb: \"x\r\n  y\"\r\n", "{\"a\":\"x\\ny\\n\",\"b\":\"x y\"}"},
        /* NEL, LS and PS are no line ends in YAML 1.2 (5.4), nor blanks */
        {"a: x\xc2\x85y\n", "{\"a\":\"x\\u0085y\"}"},
        {"a: x\xe2\x80\xa8y:z\n", "{\"a\":\"x\\u2028y:z\"}"},
        {"a: 'x\xe2\x80\xa9y'\n", "{\"a\":\"x\\u2029y\"}"},
        {"a: \"x \xc2\x85 y\"\n", "{\"a\":\"x \\u0085 y\"}"},
        {"a: |\n  x\xe2\x80\xa8y\n", "{\"a\":\"x\\u2028y\\n\"}"},
        {"# x\xe2\x80\xa8"
         "b: 1\na: 1\n",
         "{\"a\":1}"},
        {"x\xe2\x80\xa9y: 1\n", "{\"x\\u2029y\":1}"},
        /* a surrogate pair is one character where escapes are, and 12 elsewhere */
        {"a: \"\\ud83d\\ude00\"\n", "{\"a\":\"\xf0\x9f\x98\x80\"}"},
        {"a: \"x\\uD83D\\uDE00y\\uDBFF\\uDFFFz\"\n",
         "{\"a\":\"x\xf0\x9f\x98\x80y\xf4\x8f\xbf\xbfz\"}"},
        {"{\"a\": \"\\ud83d\\ude00\",}", "{\"a\":\"\xf0\x9f\x98\x80\"}"},
        {"\"\\ud83d\\ude00\": 1\n", "{\"\xf0\x9f\x98\x80\":1}"},
        {"a: \"\\\\ud83d\\\\ude00\"\n", "{\"a\":\"\\\\ud83d\\\\ude00\"}"},
        {"a: \"\\\\\\ud83d\\ude00\"\n", "{\"a\":\"\\\\\xf0\x9f\x98\x80\"}"},
        {"a: \\ud83d\\ude00\n", "{\"a\":\"\\\\ud83d\\\\ude00\"}"},
        {"a: '\\ud83d\\ude00'\n", "{\"a\":\"\\\\ud83d\\\\ude00\"}"},
        {"a: |\n  \\ud83D\\ude00\n", "{\"a\":\"\\\\ud83D\\\\ude00\\n\"}"},
        {"a: \"\\u0100\\U00000101\\ud83d\\ude00\\u0102\xc2\x85\"\n",
         "{\"a\":\"\xc4\x80\xc4\x81\xf0\x9f\x98\x80\xc4\x82\\u0085\"}"},
        {"a: \"\\u0100\\u0101\xc4\x80\xc4\x81\\ud83d\\ude00\"\n",
         "{\"a\":\"\xc4\x80\xc4\x81\xc4\x80\xc4\x81\xf0\x9f\x98\x80\"}"},
        {"a: \"\\/\\e\\_\"\n", "{\"a\":\"/\\u001b\xc2\xa0\"}"},
        {"1: x\nnull: y\n", "{\"1\":\"x\",\"null\":\"y\"}"},
        {"%YAML 1.2\n---\na: 1\n", "{\"a\":1}"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        own(str_fini) char *got = read_text(rows[i][0]);
        is_str(got, rows[i][1], rows[i][0]);
    }
}

static void add_times(struct buf *b, const char *s, size_t n)
{
    while (n--)
        buf_str(b, s);
}

/* Refusals: where, and a part of what is said. */
static void test_errors(void)
{
    static const struct {
        const char *input, *where, *text;
    } rows[] = {
        {"", "x", "empty input"},
        {" \n\n", "x", "empty input"},
        {"\xef\xbb\xbf", "x", "empty input"},
        {"# nothing\n", "x", "empty input"},
        {"---\n---\n", "x", "empty input"},
        {"{\"a\": 1, \"a\": 2}", "x:1:12", "duplicate"},
        {"{\"b\": {\"a\": 1,\n  \"a\": 2}}", "x:2:5", "duplicate"},
        {"a: 1\nb: 2\na: 3\n", "x:3:1", "\"a\" is given twice"},
        {"x:\n  - {a: 1, 'a': 2}\n", "x:2:12", "\"a\" is given twice"},
        {"a: !!str 1\n", "x:1:4", "tags"},
        {"a: !x {b: 1}\n", "x:1:4", "tags"},
        {"a: !x [1]\n", "x:1:4", "tags"},
        {"!!map {a: 1}\n", "x:1:1", "tags"},
        {"! a\n", "x:1:1", "tags"},
        {"!!str a: 1\n", "x:1:1", "tags"},
        {"a: &x {b: 1}\nc:\n  <<: *x\n", "x:3:3", "merge keys"},
        {"a: .nan\n", "x:1:4", ".nan is not a JSON number"},
        {"a:\n - -.Inf\n", "x:2:4", "-.Inf is not"},
        {"a: +.inf\n", "x:1:4", "not a JSON number"},
        {"a: 9223372036854775808\n", "x:1:4", "too large"},
        {"a: 0xffffffffffffffff\n", "x:1:4", "too large"},
        {"a: 1e309\n", "x:1:4", "too large"},
        {"{\"a\": 1e309}", "x:1:11", "real number overflow"},
        {"{\"a\": 9223372036854775808}", "x:1:25", "too big"},
        {"a: *x\n", "x:1:4", "alias *x has no anchor"},
        {"a: &x [1, *x]\n", "x:1:11", "alias *x stands inside"},
        {"a: &x 1\nb: &x {c: [*x]}\n", "x:2:12", "alias *x stands inside"},
        {"&x a: 1\n*x : 2\n", "x:2:1", "a key must be"},
        {"a: &x 1\n---\nb: *x\n", "x:3:4", "alias *x has no anchor"},
        {"[a]: 1\n", "x:1:1", "a key must be"},
        {"? {a: 1}\n: 1\n", "x:1:3", "a key must be"},
        {"\"a\\0b\": 1\n", "x:1:1", "NUL"},
        {"{\"a\": 1", "x:1:7", "near end of file"},
        {"{\"a\": tru \"b\": 1}", "x:1:9", "near 'tru'"},
        {"{\n  \"a\" 1}", "x:2:7", "':' expected"},
        {"{\"a\":1}\n{\"b\":}\n", "x:2:6", "unexpected token"},
        {"{\"a\":1}\n{b: 2}\n", "x:2:2", "expected"},
        {"{\"a\":1} }", "x:1:9", "near '}'"},
        {"[1, 2", "x:1:6", "expected , or ]"},
        {"{a: [1}", "x:1:7", "expected , or ]"},
        {"\"abc", "x:1:5", "inside quotes"},
        {"\"a\": b: c\n", "x:1:7", "a second \": \" in one value"},
        {"{\"a\": \"\\ud800\"}", "x:1:14", "invalid Unicode"},
        {"a:\n\t- b\n", "x:2:1", "not tabs"},
        {"a: 1\n b: 2\n", "x:2:3", "a second"},
        {"\xc3\xa4: 1\n\xc3\xa4: 2\n", "x:2:1", "given twice"},
        {"{\xc3\xa4: 1, b: .nan}\n", "x:1:12", ".nan"},
        {"a: \"\xe2\x80\xa8\"\nb: .nan\n", "x:2:4", ".nan"},
        {"a: 1\nb: x\x7fy\n", "x:2:5", "control characters"},
        {"a: \xff\n", "x:1:4", "not valid UTF-8"},
        {"a: \xc0\x80\n", "x:1:4", "not valid UTF-8"},
        {"a: 1\nb: \xed\xa0\x80\n", "x:2:4", "not valid UTF-8"},
        {"a: \xf4\x90\x80\x80\n", "x:1:4", "not valid UTF-8"},
        {"a: \xe2\x82", "x:1:4", "not valid UTF-8"},
        {"\xff\xfe"
         "a",
         "x:1:1", "UTF-16"},
        {"\xfe\xff", "x:1:1", "UTF-16"},
        /* halves of a pair */
        {"{\"a\": \"\\ud83d x\"}", "x:1:16", "invalid Unicode"},
        {"a:\n  \"x \\ud83d\"\n", "x:2:8", "half of a surrogate pair"},
        {"a: \"\\uDE00\"\n", "x:1:7", "half of a surrogate pair"},
        {"a: \"\\ude00\\ud83d\"\n", "x:1:7", "half of a surrogate pair"},
        {"a: \"\\ud83d\\ud83d\\ude00\"\n", "x:1:7", "half of a surrogate pair"},
        {"a: \"\\ud83d\\\\ude00\"\n", "x:1:7", "half of a surrogate pair"},
        {"a: \"\\\\ud83d\\ude00\"\n", "x:1:14", "half of a surrogate pair"},
        {"a: \"\\ud83d\n  \\ude00\"\n", "x:1:7", "half of a surrogate pair"},
        {"a: \"\\U0000d83d\"\n", "x:1:7", "no character of this number"},
        {"a: \"\\ud83d\\ude00 \\ud83d\\ude00\"\nb: .nan\n", "x:2:4", ".nan"},
        {"a: {\"\\ud83d\\ude00\": 1, b: .nan}\n", "x:1:27", ".nan"},
        {"\"\\ud83d\\ude00\": 1\n\"\xf0\x9f\x98\x80\": 2\n", "x:2:1", "given twice"},
        /* a mark inside, control characters */
        {"{\"a\": 1}\n\xef\xbb\xbf{\"b\": 1}", "x:2:3", "invalid token"},
        {"a: \x01\n", "x:1:4", "control characters"},
        {"a: \xc2\x80\n", "x:1:4", "control characters"},
        {"{\"a\": \"\x01\"}", "x:1:7", "control character"},
        /* lines as an editor counts them */
        {"a: 1\rb: .nan\r", "x:2:4", ".nan"},
        {"a: 1\r\nb: 1\r\rc: .nan\n", "x:4:4", ".nan"},
        {"[1,\r2,\r\n3,\n\"4\" 5]", "x:4:5", "expected"},
        {"a: \"x\xc2\x85y\"\nb: .nan\n", "x:2:4", ".nan"},
        {"a: x\xe2\x80\xa8y\nb: x\xe2\x80\xa9y\nc: .nan\n", "x:3:4", ".nan"},
        {"# a\xe2\x80\xa8"
         "b: 1\nc: [\xe2\x80\xa8.nan, .nan]\n",
         "x:2:14", ".nan"},
        /* directives */
        {"%YAML 1.1\n---\na: no\n", "x:1:1", "expected YAML 1.2, not 1.1"},
        {"a: 1\n...\n%YAML 1.1\n---\nb: 1\n", "x:3:1", "expected YAML 1.2, not 1.1"},
        {"%YAML 2.0\n---\na: no\n", "x:1:1", "expected YAML 1.2"},
        {"%TAG ! tag:x,2000:\n---\na: 1\n", "x:1:1", "%TAG"},
        {"%OTHER x\n---\na: 1\n", "x:1:7", "unknown directive"},
        /* the same key, however it is written */
        {"[\"E0\\\xc4\x80\"]", "x:1:6", "invalid escape"},
        {"{\"a\": 1, \"\\u0061\": 2}", "x:1:17", "duplicate"},
        {"{\"a\": 1, \"\\u0061\": 2} # YAML", "x:1:17", "duplicate"},
        {"a: 1\n\"\\x61\": 2\n", "x:2:1", "given twice"},
        {"1: 1\n'1': 2\n", "x:2:1", "given twice"},
        {"a: {b: 1, c: 2, ? b : 3}\n", "x:1:19", "given twice"},
        {"a: 1\n---\nb: 1\nb: 2\n", "x:4:1", "given twice"},
        {"{\"a\\u0000b\": 1}", "x:1:11", "NUL byte in object key"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        own(str_fini) char *got = read_text(rows[i].input);
        char *error = strstr(got, "! ");
        own(str_fini) char *where = str_print("! %s", rows[i].where);
        own(json_fini) json_t *valid = json_string(got);
        if (ok(error && valid && str_begins(error, where) && strstr(error, rows[i].text),
               rows[i].input))
            continue;
        printf("#  got: %s\n# want: ! %s: ...%s...\n", got, rows[i].where, rows[i].text);
    }
    /* A long text is shown in part, cut between characters. */
    for (size_t i = 0; i < 4; i++) {
        own(buf_fini) struct buf key = {0}, doc = {0};
        add_times(&key, "x", i);
        add_times(&key, "\xf0\x9f\x98\x80", 200);
        buf_print(&doc, "%s: 1\n%s: 2\n", key.bytes, key.bytes);
        own(str_fini) char *got = read_text(doc.bytes);
        own(json_fini) json_t *valid = json_string(got);
        ok(valid && strstr(got, "...\" is given twice"), "a long key is cut between characters");
    }
    own(str_fini) char *digits = str_print("a: %0500d99999999999999999999\n", 1);
    own(str_fini) char *large = read_text(digits);
    has_str(large, "x:1:4: 00", "a long number is shown in part");
    has_str(large, "... is too large a number", "and why it is refused is not cut off");
    own(str_fini) char *nul = read_bytes("a: 1\nb: \0\n", 10);
    is_str(nul, "! x:2:4: a NUL byte is not text, expected UTF-8", "a NUL byte in YAML");
    own(str_fini) char *json = read_bytes("{\"a\": \"\0\"}", 10);
    is_str(json, "! x:1:8: a NUL byte is not text, expected UTF-8", "a NUL byte in JSON");
    own(str_fini) char *later = read_text("a: 1\n---\nb: [\n");
    ok(str_begins(later, "{\"a\":1}\n! x:"), "the documents before an error are read");
}

static void test_depth(void)
{
    static const struct {
        const char *open, *middle, *close;
    } rows[] = {{"[", "1", "]"}, {"[", "", "]"}, {"{\"a\":", "1", "}"}, {"[ a, ", "b", "]"}};
    for (size_t i = 0; i < COUNT(rows); i++) {
        for (size_t depth = 64; depth <= 65; depth++) {
            struct buf b = {0};
            add_times(&b, rows[i].open, depth);
            buf_str(&b, rows[i].middle);
            add_times(&b, rows[i].close, depth);
            own(str_fini) char *text = buf_take(&b);
            own(str_fini) char *got = read_text(text);
            if (depth > 64)
                has_str(got, "nested deeper than 64 levels", "65 levels are refused");
            else
                ok(*got == *rows[i].open, "64 levels are read");
        }
    }
    struct buf b = {0};
    add_times(&b, "[", 100000);
    own(str_fini) char *hostile = buf_take(&b);
    own(str_fini) char *got = read_text(hostile);
    has_str(got, "nested deeper than 64 levels", "100,000 brackets are refused");
    struct buf seq = {0};
    add_times(&seq, "- ", 65);
    own(str_fini) char *block = buf_take(&seq);
    own(str_fini) char *nested = read_text(block);
    has_str(nested, "x:1:129: nested deeper than 64", "65 nested block sequences are refused");
}

static void test_aliases(void)
{
    struct buf b = {0};
    buf_str(&b, "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n");
    for (int i = 1; i < 12; i++) {
        buf_print(&b, "a%d: &a%d [", i, i);
        for (int k = 0; k < 10; k++)
            buf_print(&b, "*a%d,", i - 1);
        buf_str(&b, "]\n");
    }
    own(str_fini) char *laughs = buf_take(&b);
    own(str_fini) char *got = read_text(laughs);
    has_str(got, "x:6:", "a billion laughs end early");
    has_str(got, "aliases expand to more than 1000000 values", "and are told");

    struct buf deep = {0}; /* each anchor adds 40 levels to the one before */
    buf_str(&deep, "a0: &a0 1\n");
    for (int i = 1; i < 3; i++) {
        buf_print(&deep, "a%d: &a%d ", i, i);
        add_times(&deep, "[", 40);
        buf_print(&deep, " *a%d ", i - 1);
        add_times(&deep, "]", 40);
        buf_char(&deep, '\n');
    }
    own(str_fini) char *chain = buf_take(&deep);
    own(str_fini) char *chained = read_text(chain);
    has_str(chained, "x:3:50: nested deeper than 64 levels", "aliases cannot pass the depth");

    own(buf_fini) struct buf copies = {0};
    buf_print(&copies, "a: &a '%01000000d'\nb: [", 1);
    add_times(&copies, "*a,", 4);
    own(str_fini) char *few = str_print("%s]", copies.bytes);
    own(str_fini) char *few_got = read_text(few);
    ok(strlen(few_got) > 5000000, "a long string may have aliases");
    add_times(&copies, "*a,", 100000);
    buf_str(&copies, "]");
    own(str_fini) char *much_got = read_text(copies.bytes);
    has_str(much_got, "x:2:17: aliases expand to more than 4 MiB", "but not without end");

    struct buf many = {0};
    for (int i = 0; i < 150000; i++)
        buf_print(&many, "- &a%d x\n", i);
    add_times(&many, "- *a0\n", 150000);
    own(str_fini) char *wide = buf_take(&many);
    clock_t begin = clock();
    own(str_fini) char *wide_got = read_text(wide);
    ok(*wide_got == '[', "150,000 anchors and as many aliases are read");
    ok(clock() - begin < 20 * CLOCKS_PER_SEC, "in linear time");
}

/* prefix, `fill` as often as it takes to reach len bytes, suffix */
static char *read_sized(const char *prefix, const char *fill, const char *suffix, size_t len)
{
    own(buf_fini) struct buf b = {0};
    buf_str(&b, prefix);
    while (b.len + strlen(suffix) + strlen(fill) <= len)
        buf_str(&b, fill);
    while (b.len + strlen(suffix) < len)
        buf_char(&b, 'x');
    buf_str(&b, suffix);
    own(str_fini) char *got = read_bytes(b.bytes, b.len);
    return str_print("%.60s", got);
}

static void test_size(void)
{
    static const struct {
        const char *name, *prefix, *fill, *suffix;
    } rows[] = {
        {"a JSON string", "{\"a\":\"", "x", "\"}"},
        {"two-byte characters in JSON", "{\"a\":\"", "\xc3\xa4", "\"}"},
        {"four-byte characters in JSON", "{\"a\":\"", "\xf0\x9f\x98\x80", "\"}"},
        {"a YAML string", "a: '", "x", "'"},
        {"two-byte characters in YAML", "a: '", "\xc3\xa4", "'"},
        {"a flow sequence", "[a", "                ", "]"},
        {"a JSON array", "[\"", "0123\",\"456789", "\"]"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        own(str_fini) char *fits =
            read_sized(rows[i].prefix, rows[i].fill, rows[i].suffix, DOC_BYTES_MAX);
        own(str_fini) char *over =
            read_sized(rows[i].prefix, rows[i].fill, rows[i].suffix, DOC_BYTES_MAX + 20);
        if (!ok(*fits == '{' || *fits == '[', rows[i].name))
            printf("#  got: %s\n", fits);
        has_str(over, "document is larger than 4 MiB", rows[i].name);
    }
    own(buf_fini) struct buf lines = {0}, docs = {0}, values = {0};
    for (int i = 0; i < 70; i++) {
        buf_print(&lines, "{\"a\":\"%0100000d\"}\n", 1);
        buf_print(&docs, "---\na: '%0100000d'\n", 1);
    }
    own(str_fini) char *many = read_bytes(lines.bytes, lines.len);
    ok(strlen(many) > DOC_BYTES_MAX && !strchr(many, '!'), "JSON Lines may be longer in all");
    own(str_fini) char *stream = read_bytes(docs.bytes, docs.len);
    ok(strlen(stream) > DOC_BYTES_MAX && !strchr(stream, '!'), "a YAML stream likewise");
    buf_char(&values, '[');
    add_times(&values, "1,", 1000000);
    buf_str(&values, "1]");
    own(str_fini) char *counted = read_bytes(values.bytes, values.len);
    has_str(counted, "more than 1000000 values", "a million values is enough, in JSON");
    buf_str(&values, " # YAML");
    values.bytes[1] = 'a';
    own(str_fini) char *again = read_bytes(values.bytes, values.len);
    has_str(again, "more than 1000000 values", "and in YAML");
}

static void test_locate(void)
{
    static const char json[] =
        "{\"a\": [10,\n   {\"b/c\": 1, \"d~e\": 2, \"\": 3}],\n"
        " \"\\u00e4\\\"\": {\"x\": 4}, \"b\\/c\": 5, \"a~b\": 6, \"a/b\": 7}\n"
        "{\"a\":\n [[1],2]}\n";
    static const char yaml[] = "a:\n  - 10\n  - b/c: 1\n    d~e: 2\n    '': 3\n"
                               "\xc3\xa4\xc3\xa4: {\xc3\xa4: {y: 1}, x: 4}\n"
                               "a~b: 6\na/b: 7\nk:\n- - 1\n  - 2\n"
                               "---\n---\na:\n  b: &x [1]\n  c: *x\n";
    static const struct {
        const char *bytes, *pointer, *want;
        size_t index;
    } rows[] = {
        {json, "", "1:1", 0},
        {json, "/a", "1:2", 0},
        {json, "/a/0", "1:8", 0},
        {json, "/a/1", "2:4", 0},
        {json, "/a/1/b~1c", "2:5", 0},
        {json, "/a/1/d~0e", "2:15", 0},
        {json, "/a/1/", "2:25", 0},
        {json, "/a/1/none", "2:4", 0},
        {json, "/a/7", "1:2", 0},
        {json, "/none/x", "1:1", 0},
        {json, "/\xc3\xa4\"", "3:2", 0},
        {json, "/\xc3\xa4\"/x", "3:15", 0},
        {json, "/b~1c", "3:24", 0},
        {json, "/a~0b", "3:35", 0},
        {json, "/a~1b", "3:45", 0},
        {json, "/a~2b", "1:1", 0},
        {json, "/a~", "1:1", 0},
        {json, "a", "1:1", 0},
        {json, "", "4:1", 1},
        {json, "/a", "4:2", 1},
        {json, "/a/0/0", "5:4", 1},
        {json, "/a/1", "5:7", 1},
        {json, "/a", "0:0", 2},
        {yaml, "", "1:1", 0},
        {yaml, "/a", "1:1", 0},
        {yaml, "/a/0", "2:5", 0},
        {yaml, "/a/1", "3:5", 0},
        {yaml, "/a/1/b~1c", "3:5", 0},
        {yaml, "/a/1/d~0e", "4:5", 0},
        {yaml, "/a/1/", "5:5", 0},
        {yaml, "/a/2", "1:1", 0},
        {yaml, "/none", "1:1", 0},
        {yaml, "/\xc3\xa4\xc3\xa4/\xc3\xa4/y", "6:13", 0},
        {yaml, "/\xc3\xa4\xc3\xa4/x", "6:20", 0},
        {yaml, "/a~0b", "7:1", 0},
        {yaml, "/a~1b", "8:1", 0},
        {yaml, "/a~", "1:1", 0},
        {yaml, "/k/0/1", "11:5", 0},
        {yaml, "", "14:1", 1},
        {yaml, "/a/b", "15:3", 1},
        {yaml, "/a/b/0", "15:10", 1},
        {yaml, "/a/c/0", "16:3", 1},
        {yaml, "/a", "0:0", 2},
        {"{\"a\":1} # x\n---\nb:\n c: 1", "/b/c", "4:2", 1},
        {"{\"a\":1} # x\n", "/a", "1:2", 0},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct err err;
        unsigned line = 99, column = 99;
        own(input_close) struct input in = {0};
        input_bytes(&in, "x", rows[i].bytes, strlen(rows[i].bytes), &err);
        for (int rc = 1; rc > 0;) {
            own(json_fini) json_t *doc = NULL;
            rc = input_next(&in, &doc, &err);
        }
        input_locate(&in, rows[i].index, rows[i].pointer, &line, &column);
        own(str_fini) char *got = str_print("%u:%u", line, column);
        own(str_fini) char *name =
            str_print("%s %zu %s", in.yaml ? "YAML" : "JSON", rows[i].index, rows[i].pointer);
        is_str(got, rows[i].want, name);
    }
}

/* 20,000 places of a large document, in both languages, and each right. */
static void test_places(void)
{
    enum { N = 20000 };
    own(buf_fini) struct buf yaml = {0}, json = {0}, pointers = {0};
    struct place *places = mem_new(N * sizeof(*places));
    size_t *starts = mem_new(N * sizeof(*starts));
    buf_str(&yaml, "list:\n");
    buf_str(&json, "{\"list\": [");
    for (int i = 0; i < N; i++) {
        buf_print(&yaml, "  - name: n%d\n    text: '%0180d'\n", i, i);
        buf_print(&json, "%s{\"name\": 1, \"text\": \"%0180d\"}", i ? ",\n" : "", i);
        starts[i] = pointers.len;
        buf_print(&pointers, "/list/%d/text", N - 1 - i); /* the last one first */
        buf_char(&pointers, '\0');
    }
    buf_str(&json, "]}\n");
    for (int as = 0; as < 2; as++) {
        struct err err = {0};
        own(json_fini) json_t *doc = NULL;
        own(input_close) struct input in = {0};
        const struct buf *text = as ? &json : &yaml;
        input_bytes(&in, "x", text->bytes, text->len, &err);
        is_int(input_next(&in, &doc, &err), 1, as ? "a large JSON" : "a large YAML");
        for (int i = 0; i < N; i++)
            places[i] = (struct place){.pointer = pointers.bytes + starts[i]};
        clock_t begin = clock();
        input_places(&in, 0, places, N);
        ok(clock() - begin < 20 * CLOCKS_PER_SEC, "20,000 places by one walk");
        int wrong = 0;
        for (int i = 0; i < N; i++) {
            unsigned line = as ? (unsigned)(N - i) : (unsigned)(2 * (N - i) + 1);
            wrong += places[i].line != line;
            wrong += places[i].column != (as ? (i == N - 1 ? 23 : 13) : 5);
        }
        is_int(wrong, 0, "all where they are");
    }
    free(places);
    free(starts);
}

/* A place in each of many documents: none is walked over for the next one's sake, nor are the lines
 * counted again, even when there is but one line. */
static void test_places_of_stream(void)
{
    static const struct {
        const char *document;
        unsigned line;
    } rows[] = {{"{\"name\": 1, \"text\": \"some text\"}\n", 1},
                {"{\"name\": 1, \"text\": \"some text\"} ", 0},
                {"  name: 1\n  text: some text\n---\n", 3}};
    for (size_t k = 0; k < COUNT(rows); k++) {
        enum { N = 20000 };
        struct err err = {0};
        own(buf_fini) struct buf b = {0};
        add_times(&b, rows[k].document, N);
        own(input_close) struct input in = {0};
        input_bytes(&in, "x", b.bytes, b.len, &err);
        unsigned line, column, wrong = 0;
        clock_t begin = clock();
        for (unsigned i = 0; i < N; i++) {
            own(json_fini) json_t *doc = NULL;
            wrong += input_next(&in, &doc, &err) != 1;
            input_locate(&in, i, "/text", &line, &column);
            wrong += line != i * rows[k].line + (in.yaml ? 2 : 1);
            wrong += column != (in.yaml ? 3 : rows[k].line ? 13 : i * 33 + 13);
        }
        ok(clock() - begin < 30 * CLOCKS_PER_SEC, "a place in each of 20,000 documents");
        is_int(wrong, 0, "all where they are");
    }
}

/* A text that has every character a mark could be is read as libyaml reads it: the pair is refused,
 * and nothing is taken for a mark. */
static void test_no_mark_left(void)
{
    own(buf_fini) struct buf b = {0}, all = {0};
    for (unsigned c = 0x100; c <= 0x6ff; c++) {
        buf_char(&all, (char)(0xc0 | c >> 6));
        buf_char(&all, (char)(0x80 | (c & 0x3f)));
    }
    buf_print(&b, "a: \"%s\"\nb: \"\\ud83d\\ude00\"\n", all.bytes);
    own(str_fini) char *refused = read_text(b.bytes);
    has_str(refused, "x:2:7: half of a surrogate pair", "no mark is left for a pair");
    b.len = 0;
    buf_print(&b, "a: \"%s\"\nb: \"\\ud83d\\ude00\"\n", all.bytes + 4); /* two less */
    own(str_fini) char *got = read_text(b.bytes);
    own(str_fini) char *want =
        str_print("{\"a\":\"%s\",\"b\":\"\xf0\x9f\x98\x80\"}", all.bytes + 4);
    is_str(got, want, "two left are enough");
}

static void test_files(void)
{
    static const struct {
        const char *path, *text;
        enum code code;
    } rows[] = {
        {"/nonexistent/x.yaml", "cannot open /nonexistent/x.yaml: No such file", CODE_NOINPUT},
        {"/", "cannot read /: Is a directory", CODE_IO},
        {"/dev/null", "empty input", CODE_DATA},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct err err = {0};
        json_t *doc = NULL;
        is_int(doc_file(rows[i].path, &doc, &err), -1, rows[i].path);
        is_int(err.code, rows[i].code, rows[i].path);
        has_str(err.text, rows[i].text, rows[i].path);
    }
    struct err err = {0};
    json_t *doc = NULL;
    is_int(doc_bytes("x", "a: 1\n---\nb: 2\n", 14, &doc, &err), -1, "one document, not two");
    is_str(err.text, "expected one document, found several", "and it says so");
    ok(!doc, "and there is none");
    is_int(doc_bytes("x", "[1]", 3, &doc, &err), 0, "one document");
    ok(json_is_array(doc), "is given");
    json_decref(doc);
}

/* Asked again, the end is still the end. */
static void test_after_end(void)
{
    static const char *const rows[] = {"a: 1\n", "{\"a\":1}", "a: 1\n---\nb: 1\n...\n"};
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct err err = {0};
        own(input_close) struct input in = {0};
        input_bytes(&in, "x", rows[i], strlen(rows[i]), &err);
        int rc = 1;
        while (rc > 0) {
            own(json_fini) json_t *doc = NULL;
            rc = input_next(&in, &doc, &err);
        }
        is_int(rc, 0, rows[i]);
        own(json_fini) json_t *doc = NULL;
        is_int(input_next(&in, &doc, &err), 0, "the end again");
    }
}

static void test_after_error(void)
{
    static const char *const rows[] = {"a: [", "{\"a\":1}\n{\"b\":}\n", "", "a: 1\n---\n[b\n"};
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct err err = {0};
        own(input_close) struct input in = {0};
        input_bytes(&in, "x", rows[i], strlen(rows[i]), &err);
        int rc;
        do {
            own(json_fini) json_t *doc = NULL;
            rc = input_next(&in, &doc, &err);
        } while (rc > 0);
        is_int(rc, -1, rows[i]);
        own(json_fini) json_t *doc = NULL;
        is_int(input_next(&in, &doc, &err), 0, "nothing more to read after an error");
    }
}

int main(void)
{
    test_scalars();
    test_documents();
    test_errors();
    test_depth();
    test_aliases();
    test_size();
    test_locate();
    test_no_mark_left();
    test_places();
    test_places_of_stream();
    test_files();
    test_after_error();
    test_after_end();
    return tap_end();
}
