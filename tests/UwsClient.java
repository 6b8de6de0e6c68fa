import java.net.URL;
import java.util.LinkedHashMap;
import java.util.Map;
import uk.ac.starlink.vo.UwsJob;
import uk.ac.starlink.vo.UwsJobInfo;

/**
 * What TOPCAT and STILTS ask of a job (package starlink-vo-java).
 *   info URL                  what they read of it, NAME=VALUE a line
 *   wait URL                  waits for its end, and prints the same
 *   create LIST NAME=VALUE... makes one; prints its URL
 *   start URL, delete URL
 *   phase URL WORD, destruction URL TIME, duration URL SECONDS
 */
public class UwsClient {
    static void show(String name, Object value) {
        if (value != null) System.out.println(name + "=" + value);
    }

    static void show(UwsJobInfo info) {
        show("version", info.getUwsVersion());
        show("id", info.getJobId());
        show("run", info.getRunId());
        show("owner", info.getOwnerId());
        show("phase", info.getPhase());
        show("quote", info.getQuote());
        show("start", info.getStartTime());
        show("end", info.getEndTime());
        show("duration", info.getExecutionDuration());
        show("destruction", info.getDestruction());
        for (UwsJobInfo.Parameter p : info.getParameters()) show("parameter." + p.getId(), p.getValue());
        for (UwsJobInfo.Result r : info.getResults()) show("result." + r.getId(), r.getHref());
        UwsJobInfo.Error error = info.getError();
        if (error != null) show("error", (error.isFatal() ? "fatal: " : "transient: ") + error.getMessage());
    }

    static UwsJob create(String[] args) throws Exception {
        Map<String, String> given = new LinkedHashMap<>();
        for (int i = 2; i < args.length; i++) {
            String[] pair = args[i].split("=", 2);
            given.put(pair[0], pair[1]);
        }
        return UwsJob.createJob(args[1], given, new LinkedHashMap<>());
    }

    public static void main(String[] args) throws Exception {
        if (args[0].equals("create")) {
            show("url", create(args).getJobUrl());
            return;
        }
        UwsJob job = new UwsJob(new URL(args[1]));
        switch (args[0]) {
            case "info": show(job.readInfo()); break;
            case "wait": show(job.waitForFinish(100)); break;
            case "start": job.start(); break;
            case "delete": job.postDelete(); break;
            case "phase": job.postPhase(args[2]); break;
            case "destruction": job.postDestruction(args[2]); break;
            case "duration": job.postExecutionDuration(Long.parseLong(args[2])); break;
            default: throw new IllegalArgumentException(args[0]);
        }
    }
}
