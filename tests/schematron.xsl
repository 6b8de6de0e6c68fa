<?xml version="1.0" encoding="UTF-8"?>
<!-- A Schematron schema in, an XSLT 3 stylesheet out that prints what the schema has to say about a VO-DML model: a line
     for each assertion that fails, its flag first. For VO-DML's own rules, whose query binding is XSLT 3; the file of
     functions they include is replaced by the few they call. Run by Saxon (tests/model.bats). -->
<xsl:stylesheet version="3.0" xmlns:xsl="http://www.w3.org/1999/XSL/Transform"
                xmlns:sch="http://purl.oclc.org/dsdl/schematron" xmlns:out="urn:x-out"
                xmlns:vf="http://www.ivoa.net/xml/VODML/functions" xmlns:xs="http://www.w3.org/2001/XMLSchema"
                xmlns:vo-dml="http://www.ivoa.net/xml/VODML/v1">
  <xsl:namespace-alias stylesheet-prefix="out" result-prefix="xsl"/>
  <xsl:output indent="yes"/>

  <xsl:template match="sch:schema">
    <out:stylesheet version="3.0">
      <xsl:for-each select="sch:ns"><xsl:namespace name="{@prefix}" select="string(@uri)"/></xsl:for-each>
      <out:output method="text"/>
      <xsl:copy-of select="xsl:* except xsl:include"/>
      <out:key name="ellookup" match="*[vodml-id]" use="ancestor::vo-dml:model/name || ':' || vodml-id"/>
      <out:function name="vf:asvodmlref" as="xs:string">
        <out:param name="el"/>
        <out:sequence select="$el/ancestor::vo-dml:model/name || ':' || string-join($el/ancestor-or-self::*[vodml-id]/name, '.')"/>
      </out:function>
      <out:function name="vf:vo-dml-ref-exists" as="xs:boolean">
        <out:param name="ref"/>
        <out:sequence select="count($models/key('ellookup', $ref)) = 1"/>
      </out:function>
      <!-- the classes that a class is, at any depth, a part of -->
      <out:function name="vf:ContainerHierarchy" as="xs:string*">
        <out:param name="ref"/>
        <out:param name="names"/>
        <out:for-each select="$models//objectType[composition/datatype/vodml-ref = $ref]">
          <out:sequence select="vf:asvodmlref(.), vf:ContainerHierarchy(vf:asvodmlref(.), $names)"/>
        </out:for-each>
      </out:function>
      <xsl:apply-templates select="sch:let"/>
      <out:template match="/">
        <xsl:for-each select="sch:pattern"><out:apply-templates select="." mode="p{position()}"/></xsl:for-each>
      </out:template>
      <!-- of the rules of a pattern only the first one that fits a node is looked at -->
      <xsl:for-each select="sch:pattern">
        <xsl:variable name="mode" select="'p' || position()"/>
        <out:mode name="{$mode}" on-no-match="shallow-skip"/>
        <xsl:for-each select="sch:rule">
          <out:template match="{@context}" mode="{$mode}" priority="{1000 - position()}">
            <xsl:apply-templates select="sch:*"/>
            <out:apply-templates mode="{$mode}"/>
          </out:template>
        </xsl:for-each>
      </xsl:for-each>
    </out:stylesheet>
  </xsl:template>

  <xsl:template match="sch:let"><out:variable name="{@name}" select="{@value}"/></xsl:template>

  <xsl:template match="sch:assert | sch:report">
    <out:if test="{if (self::sch:assert) then 'not(' || @test || ')' else @test}">
      <out:variable name="text"><xsl:apply-templates/></out:variable>
      <out:value-of select="'{@flag}: ' || normalize-space($text) || '&#10;'"/>
    </out:if>
  </xsl:template>

  <xsl:template match="sch:value-of"><out:value-of select="{@select}"/></xsl:template>
  <xsl:template match="sch:assert/text() | sch:report/text()"><out:text><xsl:value-of select="."/></out:text></xsl:template>
</xsl:stylesheet>
