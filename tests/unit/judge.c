/* Offers of others against the task: every boundary, from both sides. */
#include "net/judge.h"
#include "tap.h"

#define NOW 1800000000 /* 2027-01-15T08:00:00Z */
#define GRACE 300

static const char task[] =
    "{'executable':{'type':'https://example.org/e','spec':{'program':'a','arguments':['x',1],"
    "'environment':{'A':'b'}}},'resources':{'compute':[{'name':'c','type':'t','spec':{'mincores':2,"
    "'maxcores':4,'minmemory':1,'maxmemory':2,'extras':[{'type':'https://example.org/gpu'}]},"
    "'volumes':[{'name':'v','resource':'s','path':'/inputs','mode':'r'}]}],'storage':[{'name':'s',"
    "'type':'https://example.org/s','spec':{'location':'https://ada:pw@example.org/a','size':1}}]},"
    "'datetime':[{'start':'2027-01-15T09:00:00Z/2027-01-15T11:00:00Z','minduration':'PT10M',"
    "'maxduration':'PT1H'},{'start':'2027-01-16T00:00:00Z'}],"
    "'triggers':[{'name':'go','type':'u'}],'callouts':[{'name':'tell','type':'u'}]}";

/* An offer is the task with these changes: pointers, and what stands there instead. */
static const struct {
    const char *pointer, *value, *want; /* want NULL: it is of the task */
} cases[] = {
    {"", "{}", NULL},
    /* a secret need not be said again, but nothing else in its place */
    {"/resources/storage/0/spec/location", "'https://ada@example.org/a'", NULL},
    {"/resources/storage/0/spec/location", "'https://bob@example.org/a'", "is another place"},
    {"/resources/storage/0/spec/location", "'https://ada:wp@example.org/a'", "is another place"},
    {"/resources/compute/0/spec/mincores", "2.5", NULL},
    {"/resources/compute/0/spec/mincores", "4", NULL},
    {"/resources/compute/0/spec/mincores", "1.998", "below the minimum of 2"},
    {"/resources/compute/0/spec/mincores", "5", "at least 5 cores, above the maximum of 4"},
    {"/resources/compute/0/spec/mincores", "null", "0 cores, below the minimum of 2"},
    {"/resources/compute/0/spec/maxcores", "2", NULL},
    {"/resources/compute/0/spec/maxcores", "4.002", "above the maximum of 4"},
    {"/resources/compute/0/spec/minmemory", "2", NULL},
    {"/resources/compute/0/spec/minmemory", "0.999", "below the minimum of 1 GiB"},
    {"/resources/compute/0/spec/minmemory", "'1 GB'", "below the minimum of 1 GiB"},
    {"/resources/compute/0/spec/maxmemory", "'2 GiB'", NULL},
    {"/resources/compute/0/spec/maxmemory", "2.001", "above the maximum of 2 GiB"},
    {"/resources/compute/0/spec/extras", "[]", "lacks the extra gpu"},
    {"/resources/compute/0/spec/extras",
     "[{'type':'https://example.org/fpga'},{'type':'https://example.org/gpu','spec':{'mem':8}}]",
     NULL},
    {"/resources/compute/0/spec/carbon", "1", NULL},
    {"/resources/compute", "[]", "below the minimum"},
    {"/resources/compute/0/volumes", "[]", "lacks the volume /inputs"},
    {"/resources/compute/0/volumes/0/mode", "'rw'", "lacks the volume /inputs"},
    {"/resources/compute/0/volumes/0/path", "'/other'", "lacks the volume /inputs"},
    {"/resources/storage", "[]", "cannot be read"},
    {"/triggers", "[]", "lacks the trigger go"},
    {"/triggers/0/name", "'come'", "lacks the trigger go"},
    {"/triggers/0/spec", "{'endpoint':'https://a.example/triggers/1'}", NULL},
    {"/callouts", "null", "lacks the callout tell"},
    {"/resources/storage/0/spec/location", "'https://example.org/b'", "is another place"},
    {"/resources/storage/0/spec/size", "0.5", "is smaller"},
    {"/resources/storage/0/spec/size", "3", NULL},
    {"/resources/storage/0/type", "'https://example.org/t'", "lacks the storage s"},
    {"/executable/type", "'https://example.org/f'", "it would run f, asked for was e"},
    {"/executable/spec/program", "'b'", "another program"},
    {"/executable/spec/program", "null", "another program"},
    {"/executable/spec/arguments", "['x']", "another arguments"},
    {"/executable/spec/arguments", "['x',1.0]", NULL},
    {"/executable/spec/environment", "{'A':'b','C':'d'}", NULL},
    {"/executable/spec/environment", "{'A':'c'}", "another environment"},
    {"/executable/spec/digest", "'sha256:0'", NULL},
    {"/executable", "null", "it would run nothing"},
    {"/datetime", "[]", "0 time slots"},
    {"/datetime", "null", "0 time slots"},
    {"/datetime/0/start", "null", "expected one with a start"},
    {"/datetime/0/start", "'2027-01-15T09:00:00Z'", NULL},
    {"/datetime/0/start", "'2027-01-15T11:00:00Z'", NULL},
    {"/datetime/0/start", "'2027-01-15T08:59:59Z'", "is outside of"},
    {"/datetime/0/start", "'2027-01-15T11:00:01Z'", "is outside of"},
    {"/datetime/0/start", "'2027-01-15T10:00:00Z/2027-01-15T11:00:01Z'", "is outside of"},
    {"/datetime/0/start", "'2027-01-15T07:00:00Z'", "is past"},
    {"/datetime/0/start", "'2027-01-16T00:00:00Z'", NULL}, /* the other period */
    {"/datetime/0/start", "'2027-01-16T00:00:00Z/2027-01-16T00:05:00Z'", NULL},
    {"/datetime/0/start", "'2027-01-16T00:00:00Z/2027-01-16T00:05:01Z'", "is outside of"},
    {"/datetime/0/maxduration", "'PT10M'", NULL},
    {"/datetime/0/maxduration", "'PT599S'", "less than the minduration"},
    {"/datetime/0/maxduration", "'PT3601S'", "more than the maxduration"},
    {"/datetime/0/minduration", "'PT1H'", NULL},
    {"/datetime/0/minduration", "'PT599S'", "less than the minduration"},
    {"/datetime/0/minduration", "'PT3601S'", "minduration exceeds"},
    {"/expires", "null", "does not say when it expires"},
    {"/expires", "'soon'", "its expires is no time"},
    {"/expires", "'2027-01-15T08:00:00Z'", "it expired at"},
    {"/expires", "'2027-01-15T08:00:01Z'", NULL},
};

static json_t *parse(const char *text)
{
    own(str_fini) char *quoted = str_new(text);
    for (char *c = quoted; *c; c++)
        *c = *c == '\'' ? '"' : *c;
    json_t *doc = json_loads(quoted, JSON_DECODE_ANY, NULL);
    ok(doc != NULL, text);
    return doc;
}

/* Puts the value where the pointer says; null takes away what is there. */
static void change(json_t *doc, const char *pointer, json_t *value)
{
    while (*pointer) {
        size_t n = strcspn(++pointer, "/");
        own(str_fini) char *key = str_print("%.*s", (int)n, pointer);
        pointer += n;
        if (*pointer)
            doc = json_is_array(doc) ? json_array_get(doc, strtoul(key, NULL, 10))
                                     : json_object_get(doc, key);
        else if (json_is_null(value))
            json_object_del(doc, key);
        else
            json_object_set(doc, key, value);
    }
}

int main(void)
{
    own(model_close) struct model model = {0};
    own(task_fini) struct task asked = {0};
    own(json_fini) json_t *doc = parse(task);
    struct err err = {0};
    if (!ok(model_open(&model, NULL, &err) == 0 && task_init(&asked, doc, &err) == 0, "a task"))
        return tap_end();
    for (size_t i = 0; i < COUNT(cases); i++) {
        own(json_fini) json_t *offer = json_deep_copy(doc);
        own(json_fini) json_t *value = parse(cases[i].value);
        json_array_remove(json_object_get(offer, "datetime"), 1);
        json_object_set_new(offer, "expires", json_string("2027-01-15T08:05:00Z"));
        change(offer, cases[i].pointer, value);
        own(str_fini) char *why = judge_offer(&model, &asked, offer, NOW, GRACE);
        own(str_fini) char *name = str_print("%s: %s", cases[i].pointer, cases[i].value);
        if (cases[i].want)
            has_str(why, cases[i].want, name);
        else
            is_str(why, NULL, name);
    }
    /* a task that asks for nothing is content with any slot, but one it must be */
    own(task_fini) struct task any = {0};
    own(json_fini) json_t *nothing = parse("{'executable':{'type':'https://example.org/e'}}");
    own(json_fini) json_t *slot = parse("{'executable':{'type':'https://example.org/e'},'datetime':"
                                        "[{'start':'2027-01-15T08:00:00Z/PT1H'}],"
                                        "'expires':'2027-01-15T09:00:00Z'}");
    ok(task_init(&any, nothing, &err) == 0, "a task that asks for nothing");
    own(str_fini) char *why = judge_offer(&model, &any, slot, NOW, GRACE);
    is_str(why, NULL, "any slot is one of it");
    own(str_fini) char *past = judge_offer(&model, &any, slot, NOW + 3601, GRACE);
    has_str(past, "is past", "but not one that is past");
    return tap_end();
}
