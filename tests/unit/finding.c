/* Findings: how they are counted, printed and guessed at. */
#include "model/finding.h"
#include "tap.h"
#include "text/write.h"

static void test_list(void)
{
    own(findings_fini) struct findings f = {0};
    struct finding *one = finding_add(&f, FINDING_ERROR, "cores", "/a/0", "%d cores", 3);
    finding_hint(one, "take %s", "less");
    finding_hint(one, "take %s", "two");
    finding_add(&f, FINDING_WARNING, "w", "", "a warning");
    for (int i = 0; i < 50; i++)
        finding_add(&f, FINDING_NOTICE, "n", "/n", "notice %d", i);
    is_int((int64_t)f.n, 52, "all are kept");
    is_int((int64_t)f.errors, 1, "only errors count as errors");
    is_str(f.list[51].text, "notice 49", "in their order");
    own(str_fini) char *line = finding_line(&f.list[0]);
    is_str(line, "error: /a/0: 3 cores; take two [cores]", "without a place");
    f.list[0].where = str_new("t.yaml:3:5");
    own(str_fini) char *placed = finding_line(&f.list[0]);
    is_str(placed, "t.yaml:3:5: error: /a/0: 3 cores; take two [cores]", "with a place");
    own(str_fini) char *whole = finding_line(&f.list[1]);
    is_str(whole, "warning: a warning [w]", "about the whole document");
    own(json_fini) json_t *json = finding_json(&f.list[0]);
    own(str_fini) char *text = write_string(json);
    is_str(text,
           "{\"severity\":\"error\",\"rule\":\"cores\",\"pointer\":\"/a/0\",\"text\":\"3 cores\","
           "\"hint\":\"take two\",\"where\":\"t.yaml:3:5\"}",
           "as JSON");
    own(json_fini) json_t *short_json = finding_json(&f.list[1]);
    own(str_fini) char *short_text = write_string(short_json);
    is_str(short_text,
           "{\"severity\":\"warning\",\"rule\":\"w\",\"pointer\":\"\",\"text\":\"a warning\"}",
           "no hint and no place where there are none");
    findings_fini(&f);
    is_int((int64_t)f.n, 0, "empty again");
}

/* A text is cut off at a limit; what is left must still be text, or it is no JSON. */
static void test_long(void)
{
    own(findings_fini) struct findings f = {0};
    char name[3001];
    for (size_t i = 0; i < 3000; i += 3)
        snprintf(name + i, 4, "\xe2\x82\xac"); /* the euro sign */
    finding_add(&f, FINDING_ERROR, "r", "", "x%s", name);
    finding_hint(&f.list[0], "xy%s", name);
    own(json_fini) json_t *json = finding_json(&f.list[0]);
    ok(json != NULL && json_text(json, "text") != NULL, "a long text is still a text");
    ok(json_text(json, "hint") != NULL, "and so is a long hint");
}

static const char *const keys[] = {"mincores", "maxcores", "minmemory", "maxmemory", "extras",
                                   "b",        "name",     "path",      "mode",      NULL};
static const struct {
    const char *word, *near;
} misses[] = {
    {"mincoers", "mincores"},
    {"mincore", "mincores"},
    {"mincoress", "mincores"},
    {"mincoresxx", "mincores"},
    {"minicores", "mincores"},
    {"Mincores", "mincores"},
    {"minmem", NULL /* three letters away */},
    {"minmemry", "minmemory"},
    {"nmae", "name"},
    {"nome", "name"},
    {"mode", NULL},
    {"moed", "mode"},
    {"pth", "path"},
    {"pat", "path"},
    {"px", NULL},
    {"c", NULL /* one letter is no better guess than another */},
    {"", NULL},
    {"colour", NULL},
    {"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
     NULL},
};

static void test_misses(void)
{
    for (size_t i = 0; i < COUNT(misses); i++)
        is_str(near_miss(misses[i].word, keys), misses[i].near, misses[i].word);
    static const char *const none[] = {NULL};
    is_str(near_miss("name", none), NULL, "nothing to choose from");
}

int main(void)
{
    test_list();
    test_long();
    test_misses();
    is_str(severity_name(FINDING_ERROR), "error", "error");
    is_str(severity_name(FINDING_WARNING), "warning", "warning");
    is_str(severity_name(FINDING_NOTICE), "notice", "notice");
    return tap_end();
}
