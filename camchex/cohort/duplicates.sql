-- Grain:  one row per data set, in alphabetical order.
-- Output: duplicates.COUNTED.
-- Rule:   images that show the same picture have the same value of `same`. Ids of patients are a
--         data set's own. Images without a split count in no comparison of splits.
WITH pictures AS (
    SELECT
        same,
        count(*) AS images,
        count(DISTINCT (dataset, patient_id)) AS patients,
        count(DISTINCT split) AS splits,
        coalesce(bool_or(split = 'development'), false) AS development,
        coalesce(bool_or(split = 'test'), false) AS test
    FROM images
    GROUP BY same
    HAVING count(*) > 1
)

SELECT
    i.dataset,
    count(*) AS images,
    count(p.same) AS repeated,
    count(*) FILTER (WHERE p.patients > 1) AS across_patients,
    count(*) FILTER (WHERE p.splits > 1 AND i.split IS NOT NULL) AS across_splits,
    count(*) FILTER (WHERE p.development AND i.split IS DISTINCT FROM 'development')
        AS in_development,
    count(*) FILTER (WHERE p.test AND i.split IS DISTINCT FROM 'test') AS in_test
FROM images AS i
LEFT JOIN pictures AS p ON i.same = p.same
GROUP BY i.dataset
ORDER BY i.dataset
