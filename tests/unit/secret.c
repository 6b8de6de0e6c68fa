/* Passwords in URLs: found wherever they stand, hidden, and put back as they were. */
#include "model/secret.h"
#include "tap.h"

static const struct {
    const char *text, *hidden; /* NULL: there is none in it */
} cases[] = {
    {"https://ada:pw@example.org/a", "https://ada@example.org/a"},
    {"https://ada:p:w@example.org/a", "https://ada@example.org/a"},
    {"https://ada:p@w@example.org/a", "https://ada@example.org/a"},
    {"https://:pw@example.org", "https://@example.org"},
    {"vos+x://ada:pw@[::1]:80/b?c#d", "vos+x://ada@[::1]:80/b?c#d"},
    {"--from=https://ada:pw@a/ --to=s3://b:c@d", "--from=https://ada@a/ --to=s3://b@d"},
    {"https://ada@example.org:80/", NULL},
    {"https://ada:@example.org/", NULL},
    {"https://example.org:80/a:b@c", NULL},
    {"https://example.org/?user=a:b@c", NULL},
    {"https://[::1]:80/", NULL},
    {"://", NULL},
    {"", NULL},
    {"a:b@c", NULL},
    {"x://:@", NULL},
    {"x://a:b", NULL},
    {"x://a b:c@d", NULL},
};

static void test_texts(void)
{
    for (size_t i = 0; i < COUNT(cases); i++) {
        own(str_fini) char *hidden = secret_hidden(cases[i].text);
        is_str(hidden, cases[i].hidden, cases[i].text);
        own(json_fini) json_t *value = json_string(cases[i].text);
        is_int(secret_is(value), cases[i].hidden != NULL, "is it one?");
    }
    ok(secret_hidden(NULL) == NULL, "no text at all");
    ok(!secret_is(NULL), "no value at all");
}

static void test_documents(void)
{
    static const char text[] =
        "{\"a\":[1,\"x://u:p@h/\",{\"b/c\":\"y://v:q@i\",\"d\":null}],\"e\":\"f\"}";
    own(json_fini) json_t *doc = json_loads(text, 0, NULL);
    own(json_fini) json_t *before = json_deep_copy(doc);
    own(json_fini) json_t *secrets = secret_take(doc);
    own(json_fini) json_t *want =
        json_pack("{s:s,s:s}", "/a/1", "x://u:p@h/", "/a/2/b~1c", "y://v:q@i");
    ok(json_equal(secrets, want), "each by its pointer");
    ok(!json_any(doc, secret_is), "and none is left");
    secret_put(doc, secrets);
    ok(json_equal(doc, before), "put back");
    own(json_fini) json_t *part = json_pack("{s:[i,s],s:i}", "a", 1, "x://u@h/", "e", 1);
    secret_put(part, secrets);
    is_str(json_string_value(json_array_get(json_object_get(part, "a"), 1)), "x://u:p@h/",
           "as far as there are such places");
    own(json_fini) json_t *plain = json_pack("{s:s}", "a", "x://u@h/");
    ok(secret_take(plain) == NULL, "a document without secrets");
    secret_put(plain, NULL);
}

/* A place that no pointer can name loses its secret all the same. */
static void test_deep(void)
{
    char key[2000];
    memset(key, 'k', sizeof(key));
    key[sizeof(key) - 1] = '\0';
    own(json_fini) json_t *doc = json_pack("{s:s}", key, "x://u:p@h/");
    own(json_fini) json_t *secrets = secret_take(doc);
    ok(!secrets && !json_any(doc, secret_is), "a key too long for a pointer");
}

int main(void)
{
    test_texts();
    test_documents();
    test_deep();
    return tap_end();
}
