#include "model/rule.h"

#define ERROR FINDING_ERROR
#define WARNING FINDING_WARNING
#define NOTICE FINDING_NOTICE

const struct rule rule_rows[] = {
    /* reading */
    {"unreadable", ERROR, "", "the input is no YAML or JSON document, or is beyond its limits"},
    {"guessed-kind", NOTICE, "",
     "what an invalid document was read as, because of one of its keys"},
    {"nul-character", ERROR, "", "a string holds a NUL character, which no program can take"},

    /* what the schemas say */
    {"unknown-key", ERROR, "", "a key nobody knows; keys of your own begin with x-"},
    {"missing-key", ERROR, "", "a key that must be there is not"},
    {"wrong-type", ERROR, "", "a value of another sort: a string where a number is expected"},
    {"bad-value", ERROR, "", "a value that is none of those allowed"},
    {"bad-form", ERROR, "", "a text that is not written as its format wants"},
    {"out-of-range", ERROR, "", "a number, text or list that is too small or too large"},
    {"not-unique", ERROR, "", "a list holds the same item twice"},

    /* the ways to write it */
    {"sloppy-form", NOTICE, "", "a form that is tolerated and written the canonical way"},
    {"month-not-minute", NOTICE, "Planner 2.4", "P1M is a month, where PT1M may be meant"},
    {"relative-path", ERROR, "", "a path that begins nowhere, or with ~ or $"},
    {"not-a-request", ERROR, "", "what a broker answered, where a request for one is expected"},
    {"lossy", WARNING, "", "an imported document says what a task cannot carry"},

    /* types */
    {"unknown-type", NOTICE, "Planner 2.1",
     "a type that is not known here; a platform may know it"},
    {"type-not-url", NOTICE, "Planner 1.3", "a type that is not a lasting http or https URL"},
    {"wrong-type-here", ERROR, "", "a type of another section, as a storage among executables"},

    /* values that must agree with each other */
    {"min-exceeds-max", ERROR, "Planner 2.2.2", "a minimum above its maximum"},
    {"too-small", ERROR, "Planner 2.2.2", "an upper limit that leaves nothing at all"},
    {"zero-duration", ERROR, "Planner 2.4", "a duration of no time at all"},
    {"duplicate-name", ERROR, "", "two items of a section have the same name"},
    {"duplicate-type", ERROR, "", "a platform lists a type twice, and only one row would count"},
    {"no-such-storage", ERROR, "Planner 2.2.3", "a volume names a storage that is not there"},
    {"unused-storage", NOTICE, "Planner 2.2.3", "no volume mounts a storage"},
    {"nothing-to-read", ERROR, "Planner 2.2.3",
     "a storage that begins empty with the job is mounted, and nothing writes to it"},
    {"read-only-storage", ERROR, "Planner 2.2.3",
     "a storage whose content is fixed, by a checksum or as an archive, is mounted rw"},
    {"wrong-scheme", ERROR, "Planner 2.2.3", "a location that is not of the storage's type"},
    {"no-host", ERROR, "", "a URL that names no host"},
    {"not-a-file", ERROR, "Planner 2.1", "a directory where a file is expected"},
    {"mount-overlap", ERROR, "Planner 2.2.3",
     "two volumes have the same path, or lie inside each other with different modes"},
    {"mount-reserved", ERROR, "", "a path that the system keeps for itself"},
    {"unknown-marker", ERROR, "Planner 2.5.2", "a callout's template has a marker nobody fills"},
    {"contradicting-conditions", ERROR, "Planner 2.5.1",
     "the same value of a trigger both starts and cancels"},
    {"contradiction", ERROR, "",
     "a platform or a quota says what cannot be together, or can never come true"},

    /* what planners say to a valid task */
    {"platform-down", ERROR, "", "the platform's driver cannot be asked"},
    {"platform-file", ERROR, "", "the platform's description cannot be used"},
    {"planner-down", ERROR, "", "the planner cannot be asked now, or does not answer in time"},
    {"planner-answer", ERROR, "", "what the planner answers cannot be used"},
    {"lying-offer", ERROR, "Planner 2", "an offer that is not of the task, so it is dropped"},
    {"no-executable", ERROR, "Planner 2.1", "the task names nothing to run"},
    {"unknown-executable", ERROR, "Planner 2.1", "the platform does not run this type"},
    {"runtime", ERROR, "Planner 2.1", "what runs this type is not working now"},
    {"image", ERROR, "Planner 2.1.2", "the image is not there or cannot be used"},
    {"image-platform", ERROR, "Planner 2.1.2", "the image is for other machines"},
    {"image-policy", ERROR, "Planner 2.1.2",
     "the platform does not run this image, its registry's or its base's, or wants a digest"},
    {"requirements", ERROR, "Planner 2.1",
     "a requirement that is not there, or that cannot be read"},
    {"kernel", ERROR, "Planner 2.1.1", "the notebook needs a kernel that is not there"},
    {"several-computes", ERROR, "Planner 2.2.1", "more compute resources than the platform gives"},
    {"unknown-resource", ERROR, "Planner 2.2.1", "the platform has no such compute resource"},
    {"unknown-extra", ERROR, "Planner 2.2.1", "the platform has no such extra"},
    {"extra", ERROR, "Planner 2.2.1", "the platform has fewer or lesser extras than that"},
    {"cores", ERROR, "Planner 2.2.2", "more cores than a job may have"},
    {"memory", ERROR, "Planner 2.2.2", "more memory than a job may have"},
    {"unknown-storage", ERROR, "Planner 2.2.3", "the platform has no such storage"},
    {"storage-size", ERROR, "Planner 2.2.3", "more storage than a task may have, or than is free"},
    {"storage-lifetime", ERROR, "Planner 2.2.3",
     "storage is to be kept for longer, or in another way, than the platform does"},
    {"file-at-outputs", ERROR, "", "a file is mounted where the working directory is"},
    {"staging", ERROR, "Planner 2.2.3", "what moves data cannot be started"},
    {"unreachable", ERROR, "Planner 2.2.3", "a place outside cannot be reached, so it is NO"},
    {"location-policy", ERROR, "",
     "a task that came over the network names a place of this machine, or a private address"},
    {"not-allowed", ERROR, "Planner 2.3", "the platform is for others"},
    {"quota", ERROR, "Planner 2.3", "more than whoever asks may use in all"},
    {"not-enforced", ERROR, "", "a limit is only watched, and the platform wants it enforced"},
    {"authentication", ERROR, "Planner 2.3", "the platform recognises none of the methods"},
    {"triggers", ERROR, "Planner 2.5.1", "a trigger that is not offered here"},
    {"callouts", ERROR, "Planner 2.5.2", "a callout that is not made from here"},
    {"no-slot", ERROR, "Planner 2.4", "there is no room in the time asked for"},
    {"closed", ERROR, "Planner 2.4", "the platform is not open in the time asked for"},
    {"shorter", WARNING, "Planner 2.4", "less run time is offered than was asked for"},
    {"nearest", NOTICE, "", "the nearest request that would have been YES"},

    /* what is told of a job */
    {"output-limit", WARNING, "", "the job's output was cut off at its limit"},
    {"output-skipped", WARNING, "", "a result was not kept"},
    {"callout-failed", WARNING, "Planner 2.5.2", "a callout could not be made, and is given up"},
    {"not-seen", WARNING, "", "a job elsewhere cannot be looked at now"},

    /* what is told of a job store */
    {"damaged-store", ERROR, "", "a part of the file cannot be read any more, or all of it"},
    {"wrong-phase", ERROR, "", "a job is not in the phase its events lead to"},
    {"wrong-booking", ERROR, "", "a booking without a job or the other way round, or a wrong sum"},
    {"wrong-directory", ERROR, "", "a directory without a job, or the other way round"},
    {0},
};

int rule_index(const char *id)
{
    for (int i = 0; rule_rows[i].id; i++)
        if (str_same(rule_rows[i].id, id))
            return i;
    return -1;
}
