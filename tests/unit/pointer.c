/* lib/text/pointer.c: RFC 6901. */
#include "text/pointer.h"
#include "tap.h"

/* The document and pointers of RFC 6901, 5, and then some. */
static void test_find(void)
{
    static const char text[] =
        "{\"foo\": [\"bar\", \"baz\"], \"\": 0, \"a/b\": 1, \"c%d\": 2, \"e^f\": 3, \"g|h\": 4,"
        " \"i\\\\j\": 5, \"k\\\"l\": 6, \" \": 7, \"m~n\": 8, \"~1\": 9, \"o\": {\"0\": 10,"
        " \"\": {\"\": 11}}, \"many\": [0,1,2,3,4,5,6,7,8,9,12]}";
    static const struct {
        const char *pointer;
        int want; /* -1: there is nothing */
    } rows[] = {
        {"/", 0},
        {"/a~1b", 1},
        {"/c%d", 2},
        {"/e^f", 3},
        {"/g|h", 4},
        {"/i\\j", 5},
        {"/k\"l", 6},
        {"/ ", 7},
        {"/m~0n", 8},
        {"/~01", 9},
        {"/o/0", 10},
        {"/o//", 11},
        {"/many/10", 12},
        {"/many/0", 0},
        {"/none", -1},
        {"/many/11", -1},
        {"/many/01", -1},
        {"/many/+1", -1},
        {"/many/-1", -1},
        {"/many/ 1", -1},
        {"/many/1x", -1},
        {"/many/", -1},
        {"/many/-", -1},
        {"many", -1},
        {"many/0", -1},
        {"/a~1b/x", -1},
        {"/a~1b/", -1},
        {"/none/x", -1},
        {"/many/18446744073709551616", -1},
        {"/m~2n", -1},
        {"/m~", -1},
    };
    own(json_fini) json_t *doc = json_loads(text, 0, NULL);
    ok(doc && pointer_find(doc, "") == doc, "the document itself");
    is_str(json_string_value(pointer_find(doc, "/foo/0")), "bar", "/foo/0");
    ok(json_is_array(pointer_find(doc, "/foo")), "/foo");
    for (size_t i = 0; i < COUNT(rows); i++) {
        json_t *j = pointer_find(doc, rows[i].pointer);
        is_int(j ? json_integer_value(j) : -1, rows[i].want, rows[i].pointer);
    }
    ok(!pointer_find(NULL, "") && !pointer_find(NULL, "/a"), "nothing in nothing");

    own(str_fini) char *key = str_print("%01000d", 0);
    own(str_fini) char *pointer = str_print("/%s", key);
    own(str_fini) char *longer = str_print("/%s1", key);
    json_object_set_new(doc, key, json_integer(13));
    is_int(json_integer_value(pointer_find(doc, pointer)), 13, "a key of 1,000 bytes");
    ok(!pointer_find(doc, longer), "and not a longer one");
}

static void test_build(void)
{
    struct pointer p = {0};
    size_t root = pointer_key(&p, "a/b~c");
    is_int(root, 0, "it begins empty");
    is_str(p.text, "/a~1b~0c", "a key is escaped");
    size_t before = pointer_index(&p, 12);
    is_str(p.text, "/a~1b~0c/12", "an index");
    pointer_key(&p, "");
    is_str(p.text, "/a~1b~0c/12/", "an empty key");
    pointer_up(&p, before);
    is_str(p.text, "/a~1b~0c", "and back");
    pointer_up(&p, root);
    is_str(p.text, "", "to the document");

    is_str(pointer_last("/resources/compute/0/spec/mincores"), "mincores", "the last name");
    is_str(pointer_last("/data/0"), "data/0", "of an item");
    is_str(pointer_last("/0"), "0", "of an item of the document");
    is_str(pointer_last("/a/"), "", "an empty key");
    is_str(pointer_last(""), "document", "the document");
    /* What has no room leaves the pointer of what is around it, and all below the same. */
    char key[4100] = "";
    memset(key, 'x', 4000);
    struct pointer q = {0};
    pointer_key(&q, "a");
    const size_t len = pointer_key(&q, key);
    is_str(q.text, "/a", "the part around it");
    const size_t below = pointer_index(&q, 7);
    pointer_key(&q, "y");
    is_str(q.text, "/a", "and not a part of another name");
    pointer_up(&q, below);
    is_str(q.text, "/a", "still");
    pointer_up(&q, len);
    pointer_key(&q, "b");
    is_str(q.text, "/a/b", "and on from there");
    key[sizeof(q.text) - 2] = '\0'; /* with its slash one byte less than there is room, and a NUL */
    struct pointer whole = {0};
    pointer_key(&whole, key);
    is_int((int64_t)strlen(whole.text), sizeof(q.text) - 1, "what just fits");
}

static void test_token(void)
{
    static const struct {
        const char *pointer, *tokens; /* each with a bar behind it */
    } rows[] = {
        {"", ""},           {"/", "|"},        {"//a", "|a|"},    {"/a/b", "a|b|"},
        {"/a~1b", "a/b|"},  {"/a~0b", "a~b|"}, {"/a~01", "a~1|"}, {"/a~", "a~|"},
        {"/a~2b", "a~2b|"}, {"/~/x", "~|x|"},  {"/12", "12|"},    {"a", ""},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        own(str_fini) char *exact = str_new(rows[i].pointer); /* so that ASan sees its end */
        own(buf_fini) struct buf token = {0}, got = {0};
        const char *rest = exact;
        buf_str(&got, "");
        while (pointer_token(&rest, &token))
            buf_print(&got, "%s|", token.bytes);
        is_str(got.bytes, rows[i].tokens, rows[i].pointer);
    }
}

int main(void)
{
    test_find();
    test_build();
    test_token();
    return tap_end();
}
