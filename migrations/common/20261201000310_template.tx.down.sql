DROP TABLE template_version;
DROP TABLE template;
